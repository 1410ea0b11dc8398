//! Who has a document open, and where they are in it: the awareness states of Yjs. Who somebody is comes from the credential, whatever
//! their client says.

use std::{collections::HashMap, sync::Arc};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use yrs::{
    ClientID,
    sync::{AwarenessUpdate, Message, awareness::AwarenessUpdateEntry},
    updates::encoder::Encode as _,
};

use super::limits::{PRESENCE_BYTES, PRESENCES};
use crate::{
    features::collaboration::{model::RoomUser, service::room::ConnectionId},
    ids::{NodeId, UserId},
};

/// What it means that a client's state is gone.
const GONE: &str = "null";

/// Through whom a client speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Speaker {
    Here(ConnectionId),
    At(NodeId),
}

struct Present {
    speaker: Speaker,
    user: UserId,
    clock: u32,
    json: Arc<str>,
}

/// The states of all clients of one document, by the client's number.
#[derive(Default)]
pub struct Presence {
    present: HashMap<u64, Present>,
    /// Clients that went, and their last clock: others may still pass on what these said.
    gone: HashMap<u64, (UserId, u32)>,
}

/// A message for everybody, about one client.
pub struct Said {
    pub client: u64,
    pub message: Vec<u8>,
    /// The same, for other nodes.
    pub state: ClientState,
}

/// The state of a client as nodes tell it one another: it was looked at where the client is connected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientState {
    client: u64,
    user: UserId,
    clock: u32,
    /// `null`: it is gone.
    json: String,
}

/// Clients that went are remembered up to this number.
const GONE_MAX: usize = 256;

impl Presence {
    /// Takes what a connection says; Yjs' providers also pass on what they heard of others, which says nothing new.
    pub fn take(&mut self, connection: ConnectionId, user: &RoomUser, update: AwarenessUpdate) -> Vec<Said> {
        let mut said = Vec::new();
        for (client, AwarenessUpdateEntry { clock, json }) in update.clients {
            let id = client.get();
            let newer = match self.present.get(&id) {
                Some(known) => {
                    known.user == user.user_id
                        && (clock > known.clock || (known.speaker == Speaker::Here(connection) && clock == known.clock && &*json == GONE))
                }
                None => {
                    let stale = self.gone.get(&id).is_some_and(|(owner, last)| *owner != user.user_id || clock < *last);
                    !stale && &*json != GONE && self.of(connection).count() < PRESENCES
                }
            };
            if !newer || json.len() > PRESENCE_BYTES {
                continue;
            }
            if &*json == GONE {
                said.extend(self.remove(id, clock));
            } else if let Some(json) = named(&json, user) {
                said.push(self.put(id, Present { speaker: Speaker::Here(connection), user: user.user_id, clock, json }));
            }
        }
        said
    }

    fn put(&mut self, id: u64, present: Present) -> Said {
        let Present { user, clock, .. } = present;
        let json = present.json.clone();
        self.gone.remove(&id);
        self.present.insert(id, present);
        let state = ClientState { client: id, user, clock, json: json.to_string() };
        Said { client: id, message: message([(id, clock, json)]), state }
    }

    /// Takes what another node says of its clients.
    pub fn take_from(&mut self, node: NodeId, states: Vec<ClientState>) -> Vec<Said> {
        let mut said = Vec::new();
        for ClientState { client, user, clock, json } in states {
            // Who went there may have come here since, under the same number.
            let here = self
                .present
                .get(&client)
                .is_some_and(|known| known.speaker != Speaker::At(node) && (known.user != user || known.clock > clock));
            let known = self.present.get(&client).is_some_and(|known| known.clock == clock && *known.json == *json);
            if here || known {
                continue;
            }
            if json == GONE {
                let from_there = self.present.get(&client).is_some_and(|known| known.speaker == Speaker::At(node));
                said.extend(from_there.then(|| self.remove(client, clock)).flatten());
            } else {
                said.push(self.put(client, Present { speaker: Speaker::At(node), user, clock, json: json.into() }));
            }
        }
        said
    }

    /// The states of the clients here, for a node that asks.
    pub fn here(&self) -> Vec<ClientState> {
        let here = self.present.iter().filter(|(_, known)| matches!(known.speaker, Speaker::Here(_)));
        here.map(|(id, known)| ClientState { client: *id, user: known.user, clock: known.clock, json: known.json.to_string() }).collect()
    }

    /// Nodes that do not live take their clients with them.
    pub fn keep_nodes(&mut self, lives: impl Fn(NodeId) -> bool) -> Vec<Said> {
        let gone = |known: &Present| matches!(known.speaker, Speaker::At(node) if !lives(node));
        let gone: Vec<(u64, u32)> = self.present.iter().filter(|(_, known)| gone(known)).map(|(id, known)| (*id, known.clock)).collect();
        gone.into_iter().filter_map(|(id, clock)| self.remove(id, clock)).collect()
    }

    /// A connection went, and with it whoever it spoke for.
    pub fn leave(&mut self, connection: ConnectionId) -> Vec<Said> {
        let gone: Vec<(u64, u32)> = self.of(connection).map(|(id, known)| (*id, known.clock)).collect();
        // The same clock: whoever comes back under the same number is heard again with its next word.
        gone.into_iter().filter_map(|(id, clock)| self.remove(id, clock)).collect()
    }

    fn of(&self, connection: ConnectionId) -> impl Iterator<Item = (&u64, &Present)> {
        self.present.iter().filter(move |(_, known)| known.speaker == Speaker::Here(connection))
    }

    fn remove(&mut self, id: u64, clock: u32) -> Option<Said> {
        let known = self.present.remove(&id)?;
        if self.gone.len() >= GONE_MAX {
            self.gone.clear();
        }
        self.gone.insert(id, (known.user, clock));
        let state = ClientState { client: id, user: known.user, clock, json: GONE.to_owned() };
        Some(Said { client: id, message: message([(id, clock, GONE.into())]), state })
    }

    /// One message with everybody, for one who comes in; none when nobody is there.
    pub fn everybody(&self) -> Option<Vec<u8>> {
        let states = self.present.iter().map(|(id, known)| (*id, known.clock, known.json.clone()));
        (!self.present.is_empty()).then(|| message(states))
    }
}

fn message(states: impl IntoIterator<Item = (u64, u32, Arc<str>)>) -> Vec<u8> {
    let clients = states.into_iter().map(|(id, clock, json)| (ClientID::new(id), AwarenessUpdateEntry { clock, json })).collect();
    Message::Awareness(AwarenessUpdate { clients }).encode_v1()
}

/// The state with `user` as it really is; none when it is no object.
fn named(json: &str, user: &RoomUser) -> Option<Arc<str>> {
    let mut state: serde_json::Map<String, Value> = serde_json::from_str(json).ok()?;
    let who = serde_json::json!({ "id": user.user_id, "name": user.user_name, "color": user.color, "kind": user.kind });
    state.insert("user".to_owned(), who);
    serde_json::to_string(&state).ok().map(Into::into)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::accounts::model::UserKind;

    fn user(name: &str) -> RoomUser {
        RoomUser { user_id: UserId::generate(), user_name: name.to_owned(), color: 3, kind: UserKind::Human, avatar: None }
    }

    fn update(client: u64, clock: u32, json: &str) -> AwarenessUpdate {
        AwarenessUpdate { clients: HashMap::from([(ClientID::new(client), AwarenessUpdateEntry { clock, json: json.into() })]) }
    }

    #[test]
    fn a_name_comes_from_the_credential() {
        let mut presence = Presence::default();
        let said = presence.take(1, &user("Ines"), update(7, 1, r#"{"user":{"name":"Maya"},"cursor":1}"#));
        let text = String::from_utf8_lossy(&said[0].message).into_owned();
        assert!(text.contains("Ines") && !text.contains("Maya") && text.contains("cursor"), "{text}");
        assert!(presence.take(1, &user("Ines"), update(8, 1, "[]")).is_empty(), "no object");
    }

    #[test]
    fn nobody_speaks_for_another_or_passes_on_what_is_old() {
        let (maya, ines) = (user("Maya"), user("Ines"));
        let mut presence = Presence::default();
        assert_eq!(presence.take(1, &maya, update(7, 3, "{}")).len(), 1);
        assert!(presence.take(2, &ines, update(7, 9, "{}")).is_empty(), "another's");
        assert!(presence.take(2, &ines, update(7, 9, "null")).is_empty(), "another's");
        assert!(presence.take(1, &maya, update(7, 3, "{}")).is_empty(), "known");
        assert_eq!(presence.leave(1).len(), 1);
        assert!(presence.everybody().is_none());
        assert!(presence.take(2, &ines, update(7, 3, "{}")).is_empty(), "gone");
        assert_eq!(presence.take(3, &maya, update(7, 3, "{}")).len(), 1, "she is back");
    }

    #[test]
    fn clients_of_another_node_are_there_until_it_is_gone() {
        let (maya, ines) = (user("Maya"), user("Ines"));
        let (mut here, mut there) = (Presence::default(), Presence::default());
        let (one, two) = (NodeId::generate(), NodeId::generate());
        let said = there.take(1, &ines, update(8, 2, r#"{"cursor":1}"#));
        here.take(1, &maya, update(7, 1, "{}"));
        assert_eq!(here.take_from(two, said.into_iter().map(|said| said.state).collect()).len(), 1);
        assert!(here.take_from(two, there.here()).is_empty(), "known");
        assert!(here.take(1, &maya, update(8, 9, "{}")).is_empty(), "another's");
        assert_eq!(here.here().len(), 1, "only those that are here are told on");
        assert!(here.keep_nodes(|_| true).is_empty());
        assert_eq!(here.keep_nodes(|node| node == one).len(), 1);
        // She comes to this node under the same number, and the other one says late that she went.
        assert_eq!(here.take(2, &ines, update(8, 3, "{}")).len(), 1);
        assert!(here.take_from(two, there.leave(1).into_iter().map(|said| said.state).collect()).is_empty());
    }

    #[test]
    fn a_connection_speaks_for_a_few() {
        let maya = user("Maya");
        let mut presence = Presence::default();
        let taken = (0..50).map(|client| presence.take(1, &maya, update(client, 1, "{}")).len()).sum::<usize>();
        assert_eq!(taken, PRESENCES);
    }
}
