//! The assistant of a session as its page reads and tells it.

use std::future::Future;

use super::model::{Ask, Assistant, CallResult, CallWork, ChooseSkill, DecideCall, Decision, SkillChoice};
use crate::{
    browser::data,
    error::AppResult,
    features::volumes::state::tell,
    ids::{ArtifactId, CallId, EntryId, RunId, SessionId},
};

fn path(session: SessionId) -> String {
    format!("/sessions/{session}/assistant")
}

pub fn read_assistant(session: SessionId) -> impl Future<Output = AppResult<Assistant>> + Send + 'static {
    data::get(path(session))
}

/// Asks for an answer to a message that is there.
pub async fn ask(session: SessionId, entry_id: EntryId) -> AppResult<Assistant> {
    data::post(format!("{}/runs", path(session)), &Ask { entry_id, id: Some(RunId::generate()) }).await
}

pub fn stop(session: SessionId, run: RunId) -> impl Future<Output = AppResult<()>> + Send + 'static {
    tell("POST", format!("{}/runs/{run}/stop", path(session)), ())
}

pub async fn choose_skill(session: SessionId, skill: ArtifactId, choice: SkillChoice) -> AppResult<Assistant> {
    data::send("PUT", format!("{}/skills/{skill}", path(session)), &ChooseSkill { choice }).await
}

/// What is to run, where it was allowed.
pub async fn decide(session: SessionId, run: RunId, call: CallId, decision: Decision) -> AppResult<Option<CallWork>> {
    data::post(format!("{}/runs/{run}/calls/{call}/decision", path(session)), &DecideCall { decision }).await
}

pub fn end_call(session: SessionId, run: RunId, call: CallId, result: CallResult) -> impl Future<Output = AppResult<()>> + Send + 'static {
    tell("POST", format!("{}/runs/{run}/calls/{call}/result", path(session)), result)
}
