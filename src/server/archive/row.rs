//! Rows of tables as lines of JSON, and back.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Map, Value as Json, json};
use sqlx::{Row as _, any::AnyRow};

use super::{Is, Known, Table, ids};
use crate::{
    features::artifacts::{model::FileEntry, service::clean_path},
    server::{
        blobs::{is_sha, parse_name},
        db::Sql,
        secrets,
    },
};

/// What a database takes.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Text(Option<String>),
    Integer(Option<i64>),
    Real(Option<f64>),
    Bytes(Option<Vec<u8>>),
}

impl Value {
    pub fn size(&self) -> usize {
        match self {
            Self::Text(text) => text.as_ref().map_or(1, String::len),
            Self::Bytes(bytes) => bytes.as_ref().map_or(1, Vec::len),
            Self::Integer(_) | Self::Real(_) => 8,
        }
    }
}

/// What steps of a trace unpack to at most.
const UNPACKED: usize = 256 << 20;

/// A row as it was read, with what it names.
pub struct Written {
    pub json: Json,
    pub people: Vec<String>,
    pub files: Vec<String>,
}

/// A row of the database as it is in a file.
pub fn write(row: &AnyRow, table: &Table) -> Result<Written, sqlx::Error> {
    let mut written = Written { json: Json::Null, people: Vec::new(), files: Vec::new() };
    let mut map = Map::new();
    for (index, (name, is)) in table.columns.iter().filter(|(_, is)| is.travels()).enumerate() {
        let value = match is {
            Is::Number | Is::MayNumber | Is::Flag => row.try_get::<Option<i64>, _>(index)?.map(Json::from),
            // As text, which is read back to the last bit.
            Is::Real => row.try_get::<Option<f64>, _>(index)?.map(|number| Json::from(number.to_string())),
            Is::Bytes | Is::Main => row.try_get::<Option<Vec<u8>>, _>(index)?.map(bytes),
            Is::Packed => row.try_get::<Option<Vec<u8>>, _>(index)?.map(|packed| unpack(&packed)).transpose()?.map(Json::from),
            _ => row.try_get::<Option<String>, _>(index)?.map(|text| {
                match is {
                    Is::Person | Is::MayPerson => written.people.push(text.clone()),
                    Is::Blob => written.files.push(text.clone()),
                    Is::Files => {
                        let files: Vec<FileEntry> = serde_json::from_str(&text).unwrap_or_default();
                        written.files.extend(files.into_iter().map(|file| file.sha));
                    }
                    _ => {}
                }
                Json::from(text)
            }),
        };
        if let Some(value) = value {
            map.insert((*name).to_owned(), value);
        }
    }
    written.json = Json::Object(map);
    Ok(written)
}

/// Text where it is some, so that a person can read it.
fn bytes(bytes: Vec<u8>) -> Json {
    String::from_utf8(bytes).map_or_else(|error| json!({ "base64": STANDARD.encode(error.as_bytes()) }), Json::from)
}

fn unpack(packed: &[u8]) -> Result<String, sqlx::Error> {
    let fault = |why: String| sqlx::Error::Decode(why.into());
    let (size, rest) = lz4_flex::block::uncompressed_size(packed).map_err(|error| fault(error.to_string()))?;
    if size > UNPACKED {
        return Err(fault("it is larger than anything that is written".to_owned()));
    }
    let plain = lz4_flex::decompress(rest, size).map_err(|error| fault(error.to_string()))?;
    String::from_utf8(plain).map_err(|error| fault(error.to_string()))
}

/// A row of a file as the database takes it: all columns of the table that travel or get something.
///
/// # Errors
/// A column is missing, has something that it may not have, or is not known: in words, behind the name of the column.
pub fn read(mut row: Map<String, Json>, table: &Table, known: &Known, now: i64) -> Result<Vec<Value>, String> {
    let sha = row.get("sha").and_then(Json::as_str).map(str::to_owned);
    let mut values = Vec::with_capacity(table.columns.len());
    for (name, is) in table.columns {
        let value = if is.travels() { row.remove(*name).filter(|value| !value.is_null()) } else { None };
        values.push(read_column(*is, value, known, sha.as_deref(), now).map_err(|why| format!("“{name}” {why}"))?);
    }
    match row.keys().next() {
        None => Ok(values),
        Some(name) => Err(format!("“{name}” is not known")),
    }
}

fn read_column(is: Is, value: Option<Json>, known: &Known, sha: Option<&str>, now: i64) -> Result<Value, String> {
    let missing = || "is missing".to_owned();
    let text = |value: Option<Json>| match value {
        None => Ok(None),
        // PostgreSQL takes no text with this in it.
        Some(Json::String(text)) if text.contains('\0') => Err("has a zero byte".to_owned()),
        Some(Json::String(text)) => Ok(Some(text)),
        Some(_) => Err("is no text".to_owned()),
    };
    let some_text = |value| text(value)?.ok_or_else(missing);
    let id = |value| {
        let text: String = some_text(value)?;
        ids::parse(&text).ok_or_else(|| "is no id".to_owned())
    };
    let may_id = |value: Option<Json>| if value.is_none() { Ok(None) } else { id(value).map(Some) };
    let number = |value: Option<Json>| match value {
        None => Ok(None),
        Some(value) => value.as_i64().map(Some).ok_or_else(|| "is no whole number".to_owned()),
    };
    let whole =
        |text: String| if serde_json::from_str::<serde::de::IgnoredAny>(&text).is_ok() { Ok(text) } else { Err("is no JSON".to_owned()) };
    let written = |id: u128| Some(ids::written(id));
    let elsewhere = || "is not in the file".to_owned();
    Ok(match is {
        Is::Id | Is::Part => Value::Text(written(known.ids.part(id(value)?).ok_or_else(elsewhere)?)),
        Is::MayPart => Value::Text(may_id(value)?.and_then(|id| known.ids.part(id)).and_then(written)),
        Is::Loose => {
            let id = id(value)?;
            Value::Text(written(known.ids.part(id).unwrap_or(id)))
        }
        Is::Team => {
            let id = id(value)?;
            if id != known.team {
                return Err("is another team".to_owned());
            }
            Value::Text(written(known.ids.fresh(id)))
        }
        Is::Person => Value::Text(written(known.ids.person_here(id(value)?).ok_or_else(elsewhere)?)),
        Is::MayPerson => match may_id(value)? {
            None => Value::Text(None),
            Some(id) => Value::Text(written(known.ids.person_here(id).ok_or_else(elsewhere)?)),
        },
        Is::Word(words) => {
            let text = some_text(value)?;
            if !words.contains(&text.as_str()) {
                return Err(format!("is none of {}", words.join(", ")));
            }
            Value::Text(Some(text))
        }
        Is::Text => Value::Text(Some(known.ids.rewrite(&some_text(value)?).into_owned())),
        Is::MayText => Value::Text(text(value)?.map(|text| known.ids.rewrite(&text).into_owned())),
        Is::Json => Value::Text(Some(known.ids.rewrite(&whole(some_text(value)?)?).into_owned())),
        Is::MayJson => Value::Text(text(value)?.map(whole).transpose()?.map(|text| known.ids.rewrite(&text).into_owned())),
        Is::Plain => Value::Text(Some(some_text(value)?)),
        Is::MayPlain => Value::Text(text(value)?),
        Is::Address | Is::MayAddress => Value::Text(match text(value)? {
            None if is == Is::Address => return Err(missing()),
            Some(url) if !["https://", "http://", "ssh://", "git@"].iter().any(|scheme| url.starts_with(scheme)) => {
                return Err("is no address".to_owned());
            }
            url => url,
        }),
        Is::Path | Is::Slug => {
            let path = some_text(value)?;
            clean_path(&path).map_err(|why| format!("is no path: {why}"))?;
            if is == Is::Slug && path.contains('/') {
                return Err("is no name".to_owned());
            }
            Value::Text(Some(path))
        }
        Is::Number => Value::Integer(Some(number(value)?.ok_or_else(missing)?)),
        Is::MayNumber => Value::Integer(number(value)?),
        Is::Flag => match number(value)? {
            Some(flag @ (0 | 1)) => Value::Integer(Some(flag)),
            _ => return Err("is neither 0 nor 1".to_owned()),
        },
        Is::Real => {
            let number = some_text(value)?.parse().ok().filter(|number: &f64| number.is_finite());
            Value::Real(Some(number.ok_or_else(|| "is no number".to_owned())?))
        }
        Is::Blob => {
            let sha = some_text(value)?;
            known.has_file(&sha)?;
            Value::Text(Some(sha))
        }
        Is::Content => {
            let sha = some_text(value)?;
            if !parse_name(&sha).is_some_and(|name| known.contents.contains(&name)) {
                return Err(elsewhere());
            }
            Value::Text(Some(sha))
        }
        Is::Files => {
            let text = some_text(value)?;
            let files: Vec<FileEntry> = serde_json::from_str(&text).map_err(|_| "is no list of files".to_owned())?;
            for file in &files {
                clean_path(&file.path).map_err(|why| format!("has a file whose path is none: {why}"))?;
                known.has_file(&file.sha)?;
            }
            Value::Text(Some(text))
        }
        Is::Main => {
            let bytes = read_bytes(value.ok_or_else(missing)?)?;
            if sha.is_none_or(|sha| !is_sha(sha) || secrets::sha256(&bytes) != sha) {
                return Err("is not what its hash says".to_owned());
            }
            Value::Bytes(Some(bytes))
        }
        Is::Bytes => Value::Bytes(Some(read_bytes(value.ok_or_else(missing)?)?)),
        Is::Packed => {
            let plain = whole(some_text(value)?)?;
            Value::Bytes(Some(lz4_flex::compress_prepend_size(known.ids.rewrite(&plain).as_bytes())))
        }
        Is::Gets(number) => Value::Integer(Some(number)),
        Is::GetsNothing => Value::Text(Some(String::new())),
        Is::Hidden => Value::Integer(Some(now)),
    })
}

fn read_bytes(value: Json) -> Result<Vec<u8>, String> {
    match value {
        Json::String(text) => Ok(text.into_bytes()),
        Json::Object(map) => {
            let text = map.get("base64").and_then(Json::as_str).filter(|_| map.len() == 1);
            text.and_then(|text| STANDARD.decode(text).ok()).ok_or_else(|| "is no base64".to_owned())
        }
        _ => Err("is neither text nor base64".to_owned()),
    }
}

/// A statement that inserts rows; where `shared`, those that are there already are left as they are.
pub fn insert(table: &Table, rows: &[Vec<Value>], shared: bool) -> Sql {
    let mut sql = Sql::new("INSERT INTO ");
    sql.push(table.name).push(" (");
    for (index, (name, _)) in table.columns.iter().enumerate() {
        sql.push(if index == 0 { "" } else { ", " }).push(name);
    }
    sql.push(") VALUES ");
    sql.rows(rows, |row, values| {
        for value in values {
            match value {
                Value::Text(value) => row.bind(value.clone()),
                Value::Integer(value) => row.bind(*value),
                Value::Real(value) => row.bind(*value),
                Value::Bytes(value) => row.bind(value.clone()),
            };
        }
    });
    if shared {
        sql.push(" ON CONFLICT DO NOTHING");
    }
    sql
}
