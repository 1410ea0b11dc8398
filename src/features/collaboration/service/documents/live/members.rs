//! Who has the document open, and what they say of themselves.

use std::time::Instant;

use axum::body::Bytes;
use yrs::sync::AwarenessUpdate;

use super::{
    super::{messages, presence::ClientState},
    Joining, Live, Member,
};
use crate::{
    features::collaboration::{model::RoomUser, service::room::ConnectionId},
    ids::NodeId,
};

impl Live {
    /// Lets a connection in: what it is told first.
    pub fn join(&self, joining: Joining<'_>) -> Vec<Bytes> {
        let mut state = self.state();
        let Joining { connection, outbox, user, write, acks } = joining;
        state.empty_since = None;
        state.members.insert(connection, Member { outbox: outbox.clone(), user, write, acks, sent: 0 });
        let mut first = vec![messages::ask(&state.replica)];
        first.extend(state.presence.everybody().map(Bytes::from));
        if acks {
            first.push(messages::saved(&state.saved, 0));
        }
        first
    }

    /// A connection goes: what other nodes have to know of it.
    pub fn leave(&self, connection: ConnectionId, now: Instant) -> Vec<ClientState> {
        let mut state = self.state();
        if state.members.remove(&connection).is_none() {
            return Vec::new();
        }
        let said = state.presence.leave(connection);
        if state.members.is_empty() {
            state.empty_since = Some(now);
        }
        state.tell_presence(said)
    }

    pub fn set_write(&self, connection: ConnectionId, write: bool) {
        if let Some(member) = self.state().members.get_mut(&connection) {
            member.write = write;
        }
    }

    /// Everybody who is here, for one who asks.
    pub fn everybody(&self) -> Option<Bytes> {
        self.state().presence.everybody().map(Bytes::from)
    }

    /// Takes what a connection says of itself, and tells the others: what other nodes have to know of it.
    pub fn take_presence(&self, connection: ConnectionId, update: AwarenessUpdate) -> Vec<ClientState> {
        let mut state = self.state();
        let Some(user) = state.members.get(&connection).map(|member| member.user.clone()) else { return Vec::new() };
        let said = state.presence.take(connection, &user, update);
        state.tell_presence(said)
    }

    /// What another node says of its clients.
    pub fn take_presence_from(&self, node: NodeId, states: Vec<ClientState>) {
        let mut state = self.state();
        let said = state.presence.take_from(node, states);
        state.tell_presence(said);
    }

    /// The clients here, for another node.
    pub fn presence_here(&self) -> Vec<ClientState> {
        self.state().presence.here()
    }

    /// Nodes that do not live take their clients with them.
    pub fn keep_nodes(&self, lives: impl Fn(NodeId) -> bool) {
        let mut state = self.state();
        let said = state.presence.keep_nodes(lives);
        state.tell_presence(said);
    }

    pub fn editors(&self) -> (Vec<RoomUser>, usize) {
        let state = self.state();
        let mut users: Vec<RoomUser> = state.members.values().map(|member| member.user.clone()).collect();
        users.sort_by_key(|user| user.user_id);
        users.dedup_by_key(|user| user.user_id);
        (users, state.members.len())
    }
}
