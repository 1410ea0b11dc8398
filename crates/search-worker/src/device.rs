//! What `lib.rs` gives to the browser, without the browser.

use std::collections::HashMap;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use llmos_search::{
    Answer, Error, Filter, Hit, Id, Index, Kind, Scope,
    embed::{EmbedError, Embedder, ModelFiles},
    mask,
    wire::{
        Count, Found, Named, Place, Record, SUGGESTIONS_MAX, SearchFacets, SearchHit, SearchPage, SearchQuery, SimilarQuery, SuggestQuery,
        Suggested,
    },
};
use serde::Serialize;
use uuid::Uuid;

/// Why something cannot be done; for the log of the worker.
#[derive(Debug)]
pub struct Failure(String);

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Failure {}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self(error.to_string())
    }
}

impl From<EmbedError> for Failure {
    fn from(error: EmbedError) -> Self {
        Self(error.to_string())
    }
}

impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Self {
        Self(error.to_string())
    }
}

pub struct Device {
    index: Index,
    embedder: Option<Embedder>,
    /// The last question: pages and filters of one ask for the same.
    question: Option<(String, Vec<f32>)>,
}

pub struct Asked {
    places: Vec<Place>,
    found: Asking,
}

enum Asking {
    Page(Answer),
    Similar(Vec<Hit>),
    Suggestions(Vec<Suggested>),
}

impl Device {
    pub fn new(dimension: usize) -> Self {
        Self::of(Index::new(dimension))
    }

    pub fn restore(snapshot: &[u8]) -> Result<Self, Failure> {
        Ok(Self::of(Index::from_bytes(snapshot)?))
    }

    fn of(index: Index) -> Self {
        Self { index, embedder: None, question: None }
    }

    pub fn snapshot(&mut self) -> Vec<u8> {
        self.index.to_bytes()
    }

    pub fn set_model(
        &mut self,
        name: &str,
        config: &[u8],
        weights: &[u8],
        tokenizer: &[u8],
        pooling: Option<&[u8]>,
    ) -> Result<(), Failure> {
        self.embedder = Some(Embedder::load(&ModelFiles { name, config, weights, tokenizer, pooling })?);
        Ok(())
    }

    pub fn put(&mut self, record: &str) -> Result<(), Failure> {
        let record: Record = serde_json::from_str(record)?;
        let document = record.document();
        self.index.put(&document);
        if let Some(vectors) = &record.vectors {
            let packed = BASE64_STANDARD.decode(vectors).map_err(|error| Failure(error.to_string()))?;
            self.index.set_packed_vectors(document.id, &packed)?;
        }
        Ok(())
    }

    pub fn remove(&mut self, id: &str) {
        if let Ok(id) = Uuid::parse_str(id) {
            self.index.remove(Id(id.as_u128()));
        }
    }

    pub fn ask(&mut self, path: &str, places: &str) -> Result<Option<Asked>, Failure> {
        let places: Vec<Place> = serde_json::from_str(places)?;
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let found = match path.trim_matches('/').split('/').collect::<Vec<_>>()[..] {
            ["search"] => self.search(&fields(query)?, &places)?,
            ["search", "suggest"] => self.suggest(&fields(query)?, &places),
            ["artifacts", id, "similar"] => self.similar(id, fields(query)?, &places),
            _ => return Ok(None),
        };
        Ok(Some(Asked { places, found }))
    }

    fn search(&mut self, asked: &SearchQuery, places: &[Place]) -> Result<Asking, Failure> {
        // Those of the server are not known here: what is no category finds nothing.
        let categories: Vec<&str> = llmos_search::wire::values(asked.category.as_deref());
        let query = asked.to_query(scopes(places), narrowed(asked, places), &categories);
        let mut query = query.map_err(|refused| Failure(refused.why))?;
        query.vector = self.vector(&query.text);
        Ok(Asking::Page(self.index.search(&query)))
    }

    fn vector(&mut self, text: &str) -> Option<Vec<f32>> {
        let embedder = self.embedder.as_ref().filter(|_| !text.trim().is_empty())?;
        if self.question.as_ref().is_none_or(|(known, _)| known != text) {
            self.question = Some((text.to_owned(), embedder.embed(&[&mask(text)]).pop()?));
        }
        self.question.as_ref().map(|(_, vector)| vector.clone())
    }

    fn suggest(&self, asked: &SuggestQuery, places: &[Place]) -> Asking {
        let filter = Filter { scopes: scopes(places), ..Filter::default() };
        let limit = asked.limit.unwrap_or(8).clamp(1, SUGGESTIONS_MAX) as usize;
        Asking::Suggestions(self.index.suggest(&asked.q, &filter, limit).into_iter().map(Suggested::from).collect())
    }

    fn similar(&self, id: &str, asked: SimilarQuery, places: &[Place]) -> Asking {
        let filter = Filter { scopes: scopes(places), kinds: vec![Kind::Skill, Kind::Tool, Kind::Agent], ..Filter::default() };
        let limit = asked.limit.unwrap_or(6).clamp(1, SUGGESTIONS_MAX) as usize;
        let id = Uuid::parse_str(id).unwrap_or_default();
        Asking::Similar(self.index.similar(Id(id.as_u128()), &filter, limit))
    }
}

impl Asked {
    fn hits(&self) -> &[Hit] {
        match &self.found {
            Asking::Page(answer) => &answer.hits,
            Asking::Similar(hits) => hits,
            Asking::Suggestions(_) => &[],
        }
    }

    pub fn ids(&self) -> Vec<String> {
        self.hits().iter().map(|hit| Uuid::from_u128(hit.id.0).to_string()).collect()
    }

    pub fn show(&self, records: &[String], millis: f64) -> String {
        let records: HashMap<Id, Record> = records
            .iter()
            .filter_map(|record| serde_json::from_str::<Record>(record).ok())
            .map(|record| (Id(record.id.as_u128()), record))
            .collect();
        let hits = |highlighter: &llmos_search::Highlighter| -> Vec<SearchHit> {
            let shown = |hit: &Hit| {
                let record = records.get(&hit.id)?;
                let place = self.places.iter().find(|place| place.scope == record.scope)?;
                Some(SearchHit::new(hit, highlighter, record.shown(place)))
            };
            self.hits().iter().filter_map(shown).collect()
        };
        match &self.found {
            Asking::Page(answer) => json(&SearchPage {
                query: None,
                hits: hits(&answer.highlighter),
                total: answer.total,
                facets: facets(answer, &self.places),
                semantic: answer.semantic,
                waiting: answer.by_words,
                took_ms: millis,
                device: true,
            }),
            Asking::Similar(_) => json(&hits(&llmos_search::Highlighter::default())),
            Asking::Suggestions(suggestions) => json(suggestions),
        }
    }
}

fn facets(answer: &Answer, places: &[Place]) -> SearchFacets {
    let facets = &answer.facets;
    let plain = |counts: &[(String, usize)]| counts.iter().map(|(value, count)| Count { value: value.clone(), count: *count }).collect();
    let volume = |(scope, count): &(Scope, usize)| {
        let place = places.iter().find(|place| place.scope.as_u128() == scope.0)?;
        Some(Count { value: place.volume_id?, count: *count })
    };
    SearchFacets {
        kinds: facets.kinds.iter().map(|(kind, count)| Count { value: Found::of(*kind), count: *count }).collect(),
        categories: plain(&facets.categories),
        tags: plain(&facets.tags),
        authors: facets
            .authors
            .iter()
            .map(|(author, count)| Count { value: Named { id: Uuid::from_u128(author.id), name: author.name.clone() }, count: *count })
            .collect(),
        volumes: facets.scopes.iter().filter_map(volume).collect(),
    }
}

fn scopes(places: &[Place]) -> Vec<Scope> {
    places.iter().map(|place| Scope(place.scope.as_u128())).collect()
}

/// Where is looked: in a volume, or in what is a team's, its sessions included; empty for everywhere.
fn narrowed(asked: &SearchQuery, places: &[Place]) -> Vec<Scope> {
    if asked.volume.is_none() && asked.team.is_none() {
        return Vec::new();
    }
    let fits = |place: &&Place| {
        asked.volume.is_none_or(|volume| place.volume_id == Some(volume)) && asked.team.is_none_or(|team| place.team_id == Some(team))
    };
    let fitting: Vec<Scope> = places.iter().filter(fits).map(|place| Scope(place.scope.as_u128())).collect();
    // An empty list would ask for everywhere.
    if fitting.is_empty() { vec![Scope(0)] } else { fitting }
}

fn fields<T: serde::de::DeserializeOwned>(query: &str) -> Result<T, Failure> {
    serde_urlencoded::from_str(query).map_err(|error| Failure(error.to_string()))
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const VOLUME: Uuid = Uuid::from_u128(7);
    const TEAM: Uuid = Uuid::from_u128(8);

    fn record(number: u128, kind: Found, scope: Uuid, name: &str, body: &str) -> Record {
        Record {
            id: Uuid::from_u128(number),
            state: "1".to_owned(),
            kind,
            scope,
            slug: String::new(),
            name: name.to_owned(),
            description: "Says how".to_owned(),
            body: body.to_owned(),
            messages: if kind == Found::Session { vec![(0, 4), (20, 9)] } else { Vec::new() },
            category: String::new(),
            tags: vec!["light".to_owned()],
            author: Some(Named { id: Uuid::from_u128(3), name: "Maya".to_owned() }),
            version: "1.2".to_owned(),
            updated_at: 5,
            vectors: None,
        }
    }

    fn places() -> String {
        let volume = Place { scope: VOLUME, name: "Guides".to_owned(), volume_id: Some(VOLUME), team_id: Some(TEAM) };
        let sessions = Place { scope: TEAM, name: "Harbor".to_owned(), volume_id: None, team_id: Some(TEAM) };
        json(&[volume, sessions])
    }

    fn device(records: &[Record]) -> Device {
        let mut device = Device::new(4);
        records.iter().for_each(|record| device.put(&json(record)).expect("a record"));
        device
    }

    fn answer(device: &mut Device, records: &[Record], path: &str) -> SearchPage {
        let asked = device.ask(path, &places()).expect("a question").expect("search");
        let wanted = asked.ids();
        let wanted: Vec<String> = records.iter().filter(|record| wanted.contains(&record.id.to_string())).map(json).collect();
        serde_json::from_str(&asked.show(&wanted, 1.5)).expect("a page")
    }

    #[test]
    fn a_question_is_answered_as_the_server_answers_it() {
        let records = [
            record(1, Found::Skill, VOLUME, "Lamps", "How to mend a lamp."),
            record(2, Found::Session, TEAM, "Harbor lights", "All is dark here. \n\nThe lamp of the harbor is broken."),
            record(3, Found::Tool, Uuid::from_u128(99), "Lamp of others", "lamp lamp"),
        ];
        let mut device = device(&records);
        let page = answer(&mut device, &records, "/search?q=lamp&limit=5");
        assert_eq!((page.total, page.device, page.semantic, page.took_ms), (2, true, false, 1.5));
        let session = page.hits.iter().find(|hit| hit.kind == Found::Session).expect("the session");
        assert_eq!((session.entry, session.place.as_str(), session.team_id), (Some(9), "Harbor", Some(TEAM)));
        assert!(session.passage.iter().any(|piece| piece.mark && piece.text == "lamp"));
        assert_eq!(page.facets.authors[0].value.name, "Maya");
        assert_eq!(page.facets.volumes, [Count { value: VOLUME, count: 1 }]);
        for (filter, total) in [
            ("kind=session", 1),
            (&*format!("volume={VOLUME}"), 1),
            (&format!("team={TEAM}"), 2),
            ("team=00000000-0000-0000-0000-000000000009", 0),
            ("tag=light", 2),
            ("minVersion=2", 0),
        ] {
            assert_eq!(answer(&mut device, &records, &format!("/search?q=lamp&{filter}")).total, total, "{filter}");
        }
    }

    #[test]
    fn what_is_not_search_is_not_answered_and_bad_questions_are_refused() {
        let mut device = device(&[]);
        assert!(device.ask("/artifacts?q=x", &places()).expect("fine").is_none());
        for refused in ["/search?q=x&kind=lamp", "/search?colour=red", "/search?offset=10001", "/search/suggest?colour=red"] {
            assert!(device.ask(refused, &places()).is_err(), "{refused}");
        }
        assert!(device.put("{}").is_err() && device.put("").is_err());
        assert!(Device::restore(b"LLMOSIDX").is_err());
    }

    #[test]
    fn a_device_comes_back_as_it_was() {
        let records = [record(1, Found::Skill, VOLUME, "Lamps", "How to mend a lamp."), record(2, Found::Skill, VOLUME, "Ropes", "Knots.")];
        let mut before = device(&records);
        let mut after = Device::restore(&before.snapshot()).expect("a snapshot");
        for path in ["/search?q=lamp", "/search?q=kno&partial=true", "/search"] {
            assert_eq!(answer(&mut before, &records, path), answer(&mut after, &records, path));
        }
        after.remove(&records[0].id.to_string());
        assert_eq!(answer(&mut after, &records, "/search").total, 1);
    }
}
