//! Use cases of the assistant: asking it, seeing how far it is, stopping it, and saying what it may use.

mod answering;
mod endpoint;
mod live;
mod material;
mod rounds;

use std::{collections::HashMap, time::Duration};

use llmos_assistant::wire::Message;
use serde_json::json;

pub use answering::answer;
pub use live::Answers;

use self::{
    answering::unusable,
    endpoint::{Ended, Endpoint},
    live::Answering,
    rounds::{Round, RoundCall},
};
use super::{
    jobs::ANSWER,
    model::{
        Ask, Assistant, Call, CallResult, CallState, CallWork, ChooseSkill, ChosenSkill, DecideCall, Decision, GivenSkill, QUEUE, Run,
        RunState, SKILLS, SkillChoice,
    },
    store::{self, RunRow},
};
use crate::{
    error::{AppError, AppResult},
    features::{
        accounts::{
            self, Action,
            model::{KeyProvider, Person},
        },
        analytics::service::{Event, UsageKind, record},
        artifacts::{self, model::Kind},
        jobs::service::{NewJob, enqueue},
        sessions::{self, service::SessionAccess},
    },
    ids::{ArtifactId, CallId, EntryId, RunId, SessionId, TeamId, UserId},
    server::{clock, context::Ctx, db::Tx},
};

/// A question that failed is shown so long, for somebody to ask again.
const FAILED_KEPT_MS: i64 = clock::HOUR;

/// Model, address and key for a team, or without one for one's own sessions: the team's own key, or the server's. The error says what has to be done so that
/// there are such.
async fn endpoint_of(ctx: &Ctx, team: Option<TeamId>) -> AppResult<Result<Endpoint<'_>, &'static str>> {
    let config = &ctx.state.config;
    let Some(model) = config.llm_model.as_deref() else {
        return Ok(Err(
            "To have an assistant here, whoever runs the server sets LLM_MODEL and OPENAI_API_KEY (and OPENAI_BASE_URL for another service than OpenAI).",
        ));
    };
    let own = match team {
        Some(team) => accounts::service::first_team_key(ctx, &[team], KeyProvider::OpenAi).await?,
        None => None,
    };
    Ok(match own.or_else(|| config.openai_api_key.clone()) {
        Some(key) => Ok(Endpoint::new(config, &ctx.state.http, model, key)),
        None if team.is_some() => Err("To have an assistant here, an owner of the team adds a key for OpenAI in the team's settings."),
        None => Err("To have an assistant here, whoever runs the server sets OPENAI_API_KEY."),
    })
}

/// What has to be done so that the assistant answers in a team, or without one in one's own sessions. None: it does.
pub async fn missing(ctx: &Ctx, team: Option<TeamId>) -> AppResult<Option<String>> {
    let config = &ctx.state.config;
    // Pages ask this often: the team's own key is looked for only where it decides.
    if config.llm_model.is_some() && config.openai_api_key.is_some() {
        return Ok(None);
    }
    Ok(endpoint_of(ctx, team).await?.err().map(str::to_owned))
}

/// A text that the model wrote, with what it cost.
pub struct Written {
    pub text: String,
    /// As the configuration names it.
    pub model: String,
    /// Of question and answer; 0 where the service does not count.
    pub tokens: u64,
}

/// Asks the model for a text that nobody watches, with the key of a team, or without one of the server's. None: there is no model here. The inner
/// error says in a sentence why there is no text, at the latest after this time.
pub async fn write(ctx: &Ctx, team: Option<TeamId>, messages: &[Message], within: Duration) -> AppResult<Option<Result<Written, String>>> {
    let Ok(endpoint) = endpoint_of(ctx, team).await? else { return Ok(None) };
    let nobody = Answering::default();
    let reply = match tokio::time::timeout(within, endpoint.ask(messages, &[], &nobody, |_| {})).await {
        Ok(Ok(reply)) => reply,
        Ok(Err(Ended::Failed(why))) => return Ok(Some(Err(why))),
        Ok(Err(Ended::Stopped)) => return Ok(Some(Err("It was stopped.".to_owned()))),
        Err(_) => return Ok(Some(Err(format!("The language model took longer than {} seconds.", within.as_secs())))),
    };
    let usage = reply.usage.unwrap_or_default();
    let tokens = usage.prompt.saturating_add(usage.completion);
    Ok(Some(match unusable(&reply) {
        Some(why) => Err(why),
        None => Ok(Written { text: reply.text, model: endpoint.model.to_owned(), tokens }),
    }))
}

/// Tells the people of a session that something about its assistant changed.
fn tell(ctx: &Ctx, session: SessionId) {
    sessions::service::announce_update(ctx, session, "assistant");
}

/// Puts a question behind those that wait, in the transaction that writes it. Call [`asked`] after the commit.
pub async fn ask_in(ctx: &Ctx, tx: &mut Tx, access: &SessionAccess, question: EntryId, id: RunId) -> AppResult<()> {
    if store::waiting(tx, access.id).await? >= QUEUE {
        return Err(AppError::conflict("The assistant has enough questions of this session for now: wait for an answer first."));
    }
    let actor = ctx.actor()?.id();
    if store::insert(tx, id, access.id, question, actor, ctx.now()).await? {
        let job = NewJob::new(ANSWER, &json!({ "run": id }))?.in_order_of(access.id);
        enqueue(tx, job, ctx.now()).await?;
        record(ctx, tx, Event::new(UsageKind::AssistantAsked).team(access.team).subject(access.id)).await?;
    }
    Ok(())
}

/// A question was put into the queue.
pub fn asked(ctx: &Ctx, session: SessionId) {
    ctx.state.jobs.notify_one();
    tell(ctx, session);
}

/// Asks for an answer to a message that is there.
pub async fn ask(ctx: &Ctx, session: SessionId, input: Ask) -> AppResult<Assistant> {
    let access = sessions::service::find_session(ctx, session, Action::Converse).await?;
    if let Some(missing) = missing(ctx, access.team).await? {
        return Err(AppError::conflict(missing));
    }
    let place = sessions::service::place_of(ctx, &access, input.entry_id).await?;
    if place.written_by.is_none() {
        return Err(AppError::conflict("Only a message that is still there can be answered."));
    }
    let id = RunId::chosen(input.id, ctx.now())?;
    let mut tx = ctx.db().write_tx().await?;
    sessions::service::keep_open(ctx, &mut tx, session).await?;
    ask_in(ctx, &mut tx, &access, input.entry_id, id).await?;
    tx.commit().await?;
    asked(ctx, session);
    get_assistant(ctx, session).await
}

/// The assistant of a session: its open questions, and what was said about skills.
pub async fn get_assistant(ctx: &Ctx, session: SessionId) -> AppResult<Assistant> {
    let access = sessions::service::find_session(ctx, session, Action::Read).await?;
    let grants = store::grants(ctx.db().read(), session, ctx.actor()?.id()).await?;
    let rows = store::open(ctx.db().read(), session, ctx.now() - FAILED_KEPT_MS).await?;
    let rounds = rows.iter().map(|row| rounds::read(&row.rounds)).collect::<AppResult<Vec<Vec<Round>>>>()?;
    let deciders = rounds.iter().flatten().flat_map(|round| &round.calls).filter_map(|call| call.by);
    let people = accounts::service::people(ctx, deciders).await?;
    let mut runs = Vec::new();
    for (row, rounds) in rows.iter().zip(&rounds) {
        // While it is given it says more than what is stored of it.
        let said = if row.state().has_ended() { None } else { live::said_so_far(ctx, row.id()?).await };
        runs.push(shown(row, rounds, said, &grants, &people)?);
    }
    Ok(Assistant { missing: missing(ctx, access.team).await?, runs, choices: choices(ctx, session).await? })
}

fn shown(
    row: &RunRow,
    rounds: &[Round],
    said: Option<String>,
    grants: &[(String, String)],
    people: &HashMap<UserId, Person>,
) -> AppResult<Run> {
    let id = row.id()?;
    let text = said.unwrap_or_else(|| rounds::text_of(rounds));
    let calls: Vec<&RoundCall> = rounds.iter().flat_map(|round| &round.calls).collect();
    let call = |call: &RoundCall| {
        let tool_id = call.tool?;
        let granted = grants.iter().any(|(tool, sha)| *tool == tool_id.to_string() && *sha == call.sha);
        Some(Call {
            id: call.id,
            tool_id,
            slug: call.slug.clone(),
            inputs: serde_json::to_string_pretty(&call.inputs).unwrap_or_default(),
            hosts: call.hosts.clone(),
            state: call.state,
            by: call.by.and_then(|by| people.get(&by).cloned()),
            granted,
        })
    };
    Ok(Run {
        id,
        question_id: row.question()?,
        asked_by: row.asker()?,
        state: row.state(),
        problem: row.problem.clone(),
        skills: serde_json::from_str(&row.skills)?,
        text,
        calls: calls.into_iter().filter_map(call).collect(),
        created_at: row.created_at,
    })
}

async fn choices(ctx: &Ctx, session: SessionId) -> AppResult<Vec<ChosenSkill>> {
    let choices = store::choices(ctx.db().read(), session).await?;
    let ids: Vec<ArtifactId> = choices.iter().map(|(id, _)| *id).collect();
    let named = artifacts::service::named(ctx, &ids).await?;
    let chosen = choices.into_iter().filter_map(|(id, choice)| {
        let named = named.get(&id)?;
        let pinned = choice == SkillChoice::Pinned;
        Some(ChosenSkill { skill: GivenSkill { id, slug: named.slug.clone(), name: named.name.clone(), pinned }, choice })
    });
    Ok(chosen.collect())
}

/// A question of this session.
async fn find(ctx: &Ctx, session: SessionId, id: RunId) -> AppResult<(SessionAccess, RunRow)> {
    let access = sessions::service::find_session(ctx, session, Action::Converse).await?;
    let row = store::run(ctx.db().read(), id).await?.filter(|row| row.session_id == session.to_string());
    Ok((access, row.ok_or_else(|| AppError::not_found("question"))?))
}

/// Ends an answer: anybody may who may write. What was said until then stays.
pub async fn stop(ctx: &Ctx, session: SessionId, id: RunId) -> AppResult<()> {
    let (access, row) = find(ctx, session, id).await?;
    let mut tx = ctx.db().write_tx().await?;
    if !store::stop(&mut tx, id).await? {
        return Ok(());
    }
    // What waits ends here; what runs is ended by whoever answers it.
    if row.state() == RunState::Queued {
        store::end(&mut tx, id, RunState::Stopped, None, ctx.now()).await?;
    }
    record(ctx, &mut tx, Event::new(UsageKind::AssistantStopped).team(access.team).subject(session)).await?;
    tx.commit().await?;
    ctx.state.answers.tell(&ctx.state, id, true);
    tell(ctx, session);
    Ok(())
}

/// Pins a skill in a session, leaves it out there, or neither.
pub async fn choose_skill(ctx: &Ctx, session: SessionId, artifact: ArtifactId, input: ChooseSkill) -> AppResult<Assistant> {
    let access = sessions::service::find_session(ctx, session, Action::Converse).await?;
    let visible = sessions::service::scope(ctx, access.team).await?;
    let named = artifacts::service::named(ctx, &[artifact]).await?;
    let is_here = |id| visible.iter().any(|volume| volume.id == id);
    let skill = named.get(&artifact).filter(|named| named.kind == Kind::Skill && is_here(named.volume));
    if skill.is_none() && input.choice == SkillChoice::Pinned {
        return Err(AppError::not_found("skill that everybody in this session reads"));
    }
    let mut tx = ctx.db().write_tx().await?;
    sessions::service::keep_open(ctx, &mut tx, session).await?;
    store::choose(&mut tx, session, artifact, input.choice, ctx.now()).await?;
    let pinned = store::pinned(&mut tx, session).await?;
    if input.choice == SkillChoice::Pinned && pinned > SKILLS as i64 {
        return Err(AppError::conflict(format!("At most {SKILLS} skills can be pinned in a session: unpin one first.")));
    }
    tx.commit().await?;
    tell(ctx, session);
    get_assistant(ctx, session).await
}

/// Changes a call under the lock of its question.
async fn change_call(
    ctx: &Ctx,
    session: SessionId,
    run: RunId,
    id: CallId,
    mut tx: Tx,
    change: impl FnOnce(&mut RoundCall) -> AppResult<()>,
) -> AppResult<()> {
    let row = store::lock(&mut tx, run).await?.ok_or_else(|| AppError::not_found("question"))?;
    let mut rounds: Vec<Round> = rounds::read(&row.rounds)?;
    let call = rounds.iter_mut().flat_map(|round| &mut round.calls).find(|call| call.id == id);
    let call = call.ok_or_else(|| AppError::not_found("call"))?;
    if row.state().has_ended() {
        return Err(AppError::conflict("This answer has ended: nothing runs for it any more."));
    }
    change(call)?;
    store::set_rounds(&mut tx, run, row.state(), &serde_json::to_string(&rounds)?, (0, 0)).await?;
    tx.commit().await?;
    ctx.state.answers.tell(&ctx.state, run, false);
    tell(ctx, session);
    Ok(())
}

/// Allows a call, for once or as long as the session goes on, or denies it. Who allows it is given what to run in their browser.
pub async fn decide_call(ctx: &Ctx, session: SessionId, run: RunId, id: CallId, input: DecideCall) -> AppResult<Option<CallWork>> {
    let (access, row) = find(ctx, session, run).await?;
    let actor = ctx.actor()?.id();
    let rounds = rounds::read(&row.rounds)?;
    let known = rounds.iter().flat_map(|round| &round.calls).find(|call| call.id == id).ok_or_else(|| AppError::not_found("call"))?;
    let settled = || AppError::conflict("Somebody has decided on this call already.");
    if known.state != CallState::Asked {
        return Err(settled());
    }
    let now = ctx.now();
    if input.decision == Decision::Deny {
        let tx = ctx.db().write_tx().await?;
        change_call(ctx, session, run, id, tx, |call| {
            if call.state != CallState::Asked {
                return Err(settled());
            }
            call.by = Some(actor);
            call.end(CallState::Denied, CallResult { outputs: None, error: Some("A person denied this call.".to_owned()) }, now);
            Ok(())
        })
        .await?;
        return Ok(None);
    }
    let tool = known.tool.ok_or_else(|| AppError::not_found("tool"))?;
    let places = material::places(ctx, &access).await?;
    let offered = material::offered(ctx, &places, &[tool]).await?.pop().filter(|tool| tool.sha == known.sha);
    let Some(offered) = offered else {
        return Err(AppError::conflict("The tool was changed since it was asked for: deny this call, and ask again."));
    };
    let mut tx = ctx.db().write_tx().await?;
    if input.decision == Decision::Session {
        store::grant(&mut tx, session, tool, actor, &offered.sha, now).await?;
    }
    let inputs = serde_json::to_string(&known.inputs)?;
    record(ctx, &mut tx, Event::new(UsageKind::AssistantToolAllowed).team(access.team).subject(session)).await?;
    change_call(ctx, session, run, id, tx, |call| {
        if call.state != CallState::Asked {
            return Err(settled());
        }
        (call.state, call.by, call.began_at) = (CallState::Running, Some(actor), now);
        Ok(())
    })
    .await?;
    Ok(Some(CallWork { code: offered.code, inputs, hosts: offered.hosts }))
}

/// What came of a call, from whoever allowed it.
pub async fn end_call(ctx: &Ctx, session: SessionId, run: RunId, id: CallId, input: CallResult) -> AppResult<()> {
    find(ctx, session, run).await?;
    let (actor, now): (UserId, i64) = (ctx.actor()?.id(), ctx.now());
    let result = CallResult { outputs: input.outputs.map(rounds::cut), error: input.error.map(rounds::cut) };
    let tx = ctx.db().write_tx().await?;
    change_call(ctx, session, run, id, tx, |call| {
        if call.state != CallState::Running || call.by != Some(actor) {
            return Err(AppError::conflict("Only who allowed this call tells what came of it, once."));
        }
        let state = if result.error.is_none() && result.outputs.is_some() { CallState::Done } else { CallState::Failed };
        call.end(state, result, now);
        Ok(())
    })
    .await
}

/// The assistant as whoever it is spoken to as, where it answers.
pub async fn person(ctx: &Ctx, team: Option<TeamId>) -> AppResult<Option<Person>> {
    Ok(missing(ctx, team).await?.is_none().then(accounts::service::assistant))
}
