//! Answering one question, from its place in the queue to the entry in the timeline.

use std::time::Duration;

use llmos_assistant::{
    prompt::{self, Budget, Prompt, Skill},
    stream::{Finish, Reply},
    tools,
};
use llmos_traces::{Outcome, Step, StepKind, Trace};
use serde_json::{Map, Value, json};

use super::{
    endpoint::{Ended, Endpoint},
    endpoint_of,
    live::Answering,
    material::{self, Offered},
    missing,
    rounds::{self, Round, RoundCall},
    tell,
};
use crate::{
    error::{AppResult, ErrorCode},
    features::{
        accounts::{self, Action},
        assistant::{
            model::{Answered, CallResult, CallState, GivenSkill, RunState},
            store::{self, RunRow},
        },
        collaboration::model::RoomEvent,
        jobs::{Job, model::ATTEMPTS},
        sessions::{self, service::SessionAccess},
        traces::{self, model::TraceSource, service::Arrival},
    },
    ids::{CallId, RunId, SessionId, TraceId},
    server::{
        clock,
        context::{Ctx, Via},
    },
};

/// Requests to the model for one question: each but the last one ends with calls of tools.
const ROUNDS: usize = 8;
/// How often somebody's decision is looked for that another node took.
const LOOK: Duration = Duration::from_secs(1);
/// How often the wish to stop is looked for that another node took.
const LOOK_FOR_STOP: Duration = Duration::from_secs(2);

/// How an answer ended.
enum End {
    Answered,
    Stopped,
    Failed(String),
}

/// One question that is being answered.
struct Work<'a> {
    /// In the name of whoever asked, with their rights of now.
    ctx: &'a Ctx,
    /// In the name of the assistant.
    own: &'a Ctx,
    id: RunId,
    row: &'a RunRow,
    access: &'a SessionAccess,
    answering: &'a Answering,
}

/// Answers the question of a job; one that was begun before goes on behind its last whole round.
pub async fn answer(ctx: &Ctx, job: &Job) -> AppResult<Value> {
    #[derive(serde::Deserialize)]
    struct Payload {
        run: RunId,
    }
    let id = serde_json::from_str::<Payload>(&job.payload)?.run;
    let Some(row) = store::run(ctx.db().read(), id).await? else { return Ok(json!({ "state": "gone" })) };
    if row.state().has_ended() {
        return Ok(json!({ "state": row.state }));
    }
    let session = row.session()?;
    let own = accounts::service::acting_as_assistant(ctx).await?;
    if row.stop != 0 {
        return end(&own, session, id, RunState::Stopped, None).await;
    }
    if job.attempts >= ATTEMPTS {
        return end(&own, session, id, RunState::Failed, Some("This was begun several times and never ended: ask again.")).await;
    }
    let asker = async {
        let asker = accounts::service::acting_for(ctx, row.asker()?.id, Via::Operator).await?;
        let access = sessions::service::find_session(&asker, session, Action::Converse).await?;
        AppResult::Ok((asker, access))
    };
    let (asker, access) = match asker.await {
        Ok(found) => found,
        Err(error) if matches!(error.code, ErrorCode::Internal | ErrorCode::Unavailable) => return Err(error),
        Err(_) => {
            let why = "Whoever asked may not write in this session any more.";
            return end(&own, session, id, RunState::Failed, Some(why)).await;
        }
    };
    if let Some(missing) = missing(&asker, access.team).await? {
        return end(&own, session, id, RunState::Failed, Some(&missing)).await;
    }
    let (answering, _here) = ctx.state.answers.begin(&ctx.state.cluster, id);
    let work = Work { ctx: &asker, own: &own, id, row: &row, access: &access, answering: &answering };
    let done = tokio::select! {
        done = work.run() => done,
        failed = work.watch() => failed,
    };
    match done {
        // What may pass is tried again. The rest, such as a session that was archived meanwhile, does not.
        Err(error) if !matches!(error.code, ErrorCode::Internal | ErrorCode::Unavailable) => {
            end(&own, session, id, RunState::Failed, Some(&error.message)).await
        }
        done => done,
    }
}

/// It ended without an answer.
async fn end(own: &Ctx, session: SessionId, id: RunId, state: RunState, problem: Option<&str>) -> AppResult<Value> {
    let mut tx = own.db().write_tx().await?;
    store::end(&mut tx, id, state, problem, own.now()).await?;
    tx.commit().await?;
    tell(own, session);
    Ok(json!({ "state": state.as_str(), "problem": problem }))
}

impl Work<'_> {
    /// Looks whether somebody stopped it elsewhere. Ends only when the database cannot be asked.
    async fn watch(&self) -> AppResult<Value> {
        loop {
            tokio::time::sleep(LOOK_FOR_STOP).await;
            if store::is_to_stop(self.ctx.db().read(), self.id).await? {
                self.answering.stop.cancel();
            }
        }
    }

    async fn run(&self) -> AppResult<Value> {
        let question = self.row.question()?;
        let place = match sessions::service::place_of(self.ctx, self.access, question).await {
            Ok(place) if place.written_by.is_some() => place,
            _ => return end(self.own, self.access.id, self.id, RunState::Stopped, None).await,
        };
        let thread = material::thread(self.ctx, self.access, place.number).await?;
        let asked = thread.last().map_or("", |said| said.text.as_str()).to_owned();
        let about = format!("{}\n{}", sessions::service::plain(&asked), self.access.row.title);
        let places = material::places(self.ctx, self.access).await?;
        let skills = material::skills(self.ctx, self.access, &places, &about).await?;
        let offered = material::tools(self.ctx, self.access, &places, &about).await?;
        let config = &self.ctx.state.config;
        let as_skills: Vec<Skill<'_>> = skills
            .iter()
            .map(|one| Skill {
                slug: &one.skill.slug,
                name: &one.skill.name,
                description: &one.description,
                text: &one.text,
                pinned: one.skill.pinned,
            })
            .collect();
        let turns: Vec<_> = thread.iter().map(material::Said::turn).collect();
        // A quarter is for the answer, and another one for what tools return, where there are any.
        let quarter = config.llm_context / 4;
        let most = quarter * if offered.is_empty() { 3 } else { 2 };
        let budget = Budget { prompt: most.max(prompt::PROMPT_MIN), skills: quarter };
        let team = self.access.row.team_name.as_deref().unwrap_or("a private workspace");
        let Prompt { messages, used, .. } = prompt::compose(team, &self.access.row.title, &as_skills, &turns, budget);
        let given: Vec<GivenSkill> = used.iter().filter_map(|at| skills.get(*at)).map(|one| one.skill.clone()).collect();
        // It may have been taken away since it was looked at.
        let endpoint = match endpoint_of(self.ctx, self.access.team).await? {
            Ok(endpoint) => endpoint,
            Err(missing) => return end(self.own, self.access.id, self.id, RunState::Failed, Some(missing)).await,
        };
        let model = endpoint.model;
        let mut tx = self.ctx.db().write_tx().await?;
        store::begin(&mut tx, self.id, &serde_json::to_string(&given)?, model, self.ctx.now()).await?;
        tx.commit().await?;
        let mut done = rounds::read(&self.row.rounds)?;
        let ended = self.rounds(&endpoint, messages, &offered, &mut done).await?;
        self.write(&asked, given, model, &done, ended).await
    }

    /// Asks, lets tools run, and asks again, until there is an answer without calls.
    async fn rounds(
        &self,
        endpoint: &Endpoint<'_>,
        prompt: Vec<llmos_assistant::wire::Message>,
        offered: &[Offered],
        done: &mut Vec<Round>,
    ) -> AppResult<End> {
        loop {
            if done.last().is_some_and(|round| round.calls.is_empty()) {
                return Ok(End::Answered);
            }
            if done.last().is_some_and(Round::is_open) {
                match self.decisions().await? {
                    Some(decided) => *done = decided,
                    None => return Ok(End::Stopped),
                }
            }
            self.answering.reset(rounds::text_of(done));
            self.tell();
            let began_at = self.ctx.now();
            let mut said = rounds::messages(done);
            prompt::fit_results(&mut said, self.ctx.state.config.llm_context / 4);
            let mut messages = prompt.clone();
            messages.append(&mut said);
            // The last one has to be an answer.
            let specs: Vec<_> = if done.len() + 1 < ROUNDS { offered.iter().map(|tool| tool.spec.clone()).collect() } else { Vec::new() };
            let mut is_first = !done.is_empty();
            let before = self.answering.text();
            let reply = endpoint
                .ask(&messages, &specs, self.answering, |piece| {
                    if std::mem::take(&mut is_first) && !before.is_empty() {
                        self.say("\n\n");
                    }
                    self.say(piece);
                })
                .await;
            let took_ms = (self.ctx.now() - began_at).max(0);
            let reply = match reply {
                Ok(reply) => reply,
                Err(ended) => {
                    // What was said until then stays.
                    let all = self.answering.text();
                    let text = all.get(before.len()..).unwrap_or_default().trim_start().to_owned();
                    done.push(Round { text, began_at, took_ms, ..Round::default() });
                    return Ok(match ended {
                        Ended::Stopped => End::Stopped,
                        Ended::Failed(why) => End::Failed(why),
                    });
                }
            };
            let failed = unusable(&reply);
            done.push(self.round(reply, offered, began_at, took_ms));
            let is_waiting = done.last().is_some_and(Round::is_open);
            self.keep(done, if is_waiting { RunState::Waiting } else { RunState::Running }).await?;
            if let Some(why) = failed {
                return Ok(End::Failed(why));
            }
            if done.len() >= ROUNDS {
                return Ok(End::Answered);
            }
        }
    }

    /// Tells the people of the session what is new.
    fn say(&self, piece: &str) {
        let from = self.answering.push(piece);
        let event = RoomEvent::AssistantDelta {
            session_id: self.access.id.to_string(),
            run_id: self.id.to_string(),
            from: from as u64,
            text: piece.to_owned(),
        };
        sessions::service::announce(self.own, self.access.id, event);
    }

    fn tell(&self) {
        tell(self.own, self.access.id);
    }

    /// A reply as it is kept: with the tools that its calls mean, and what is wrong with the others.
    fn round(&self, reply: Reply, offered: &[Offered], began_at: i64, took_ms: i64) -> Round {
        let usage = reply.usage.unwrap_or_default();
        let number = |tokens: u64| i64::try_from(tokens).unwrap_or(i64::MAX / 4);
        let call = |call_id: String, name: String, inputs: Map<String, Value>, why: Option<String>, tool: Option<&Offered>| RoundCall {
            id: CallId::generate(),
            call_id,
            slug: tool.map_or_else(|| name.clone(), |tool| tool.slug.clone()),
            name,
            tool: tool.map(|tool| tool.id),
            inputs,
            hosts: tool.map(|tool| tool.hosts.clone()).unwrap_or_default(),
            sha: tool.map(|tool| tool.sha.clone()).unwrap_or_default(),
            state: if why.is_some() { CallState::Failed } else { CallState::Asked },
            by: None,
            result: CallResult { outputs: None, error: why },
            began_at: 0,
            took_ms: 0,
        };
        let mut calls: Vec<RoundCall> = Vec::new();
        for asked in reply.calls {
            let tool = offered.iter().find(|tool| tool.name == asked.name);
            let why = match tool {
                None => Some(format!("There is no tool of the name {}.", asked.name)),
                Some(tool) => tools::check(&tool.parameters, &asked.arguments).err(),
            };
            calls.push(call(asked.id, asked.name, asked.arguments, why, tool));
        }
        for broken in reply.malformed {
            calls.push(call(broken.id, broken.name, Map::new(), Some(broken.why), None));
        }
        Round { text: reply.text, calls, began_at, took_ms, tokens_in: number(usage.prompt), tokens_out: number(usage.completion) }
    }

    async fn keep(&self, done: &[Round], state: RunState) -> AppResult<()> {
        let tokens = done.last().map_or((0, 0), |round| (round.tokens_in, round.tokens_out));
        let mut tx = self.ctx.db().write_tx().await?;
        store::set_rounds(&mut tx, self.id, state, &serde_json::to_string(done)?, tokens).await?;
        tx.commit().await?;
        self.tell();
        Ok(())
    }

    /// Waits until every call of the last round was allowed and ran, or was denied. None: somebody stopped it.
    async fn decisions(&self) -> AppResult<Option<Vec<Round>>> {
        let last = self.ctx.now() + i64::try_from(self.ctx.state.config.assistant.decision_ms).unwrap_or(clock::HOUR);
        loop {
            let decided = self.answering.decided.notified();
            let row = store::run(self.ctx.db().read(), self.id).await?;
            let Some(row) = row else { return Ok(None) };
            let done = rounds::read(&row.rounds)?;
            if !done.last().is_some_and(Round::is_open) {
                self.resume().await?;
                return Ok(Some(done));
            }
            if self.ctx.now() >= last {
                self.give_up().await?;
                continue;
            }
            tokio::select! {
                () = self.answering.stop.cancelled() => return Ok(None),
                () = decided => {}
                () = tokio::time::sleep(LOOK) => {}
            }
        }
    }

    async fn resume(&self) -> AppResult<()> {
        let mut tx = self.ctx.db().write_tx().await?;
        if let Some(row) = store::lock(&mut tx, self.id).await? {
            store::set_rounds(&mut tx, self.id, RunState::Running, &row.rounds, (0, 0)).await?;
        }
        Ok(tx.commit().await?)
    }

    /// Nobody answered: the model goes on without.
    async fn give_up(&self) -> AppResult<()> {
        let mut tx = self.ctx.db().write_tx().await?;
        let Some(row) = store::lock(&mut tx, self.id).await? else { return Ok(()) };
        let mut done = rounds::read(&row.rounds)?;
        for call in done.iter_mut().flat_map(|round| &mut round.calls).filter(|call| call.is_open()) {
            let (state, why) = match call.state {
                CallState::Running => (CallState::Failed, "The browser that ran the tool did not answer."),
                _ => (CallState::Denied, "Nobody allowed it in time."),
            };
            call.end(state, CallResult { outputs: None, error: Some(why.to_owned()) }, self.ctx.now());
        }
        store::set_rounds(&mut tx, self.id, RunState::Running, &serde_json::to_string(&done)?, (0, 0)).await?;
        tx.commit().await?;
        self.tell();
        Ok(())
    }

    /// The trace, then the entry: the entry names the trace, and comes once however often this is begun.
    async fn write(&self, asked: &str, skills: Vec<GivenSkill>, model: &str, done: &[Round], ended: End) -> AppResult<Value> {
        let text = rounds::text_of(done);
        let (state, problem) = match ended {
            End::Answered if text.is_empty() => (RunState::Failed, Some("The language model gave an empty answer: ask again.".to_owned())),
            End::Answered => (RunState::Answered, None),
            End::Stopped => (RunState::Stopped, Some("Stopped before its end.".to_owned())),
            End::Failed(why) => (RunState::Failed, Some(why)),
        };
        let trace_id = self.trace(asked, &skills, model, done, state).await?;
        let took_ms = done.iter().map(|round| round.took_ms).sum();
        let tokens = done.iter().map(|round| round.tokens_in + round.tokens_out).sum();
        if text.is_empty() {
            return end(self.own, self.access.id, self.id, state, problem.as_deref()).await;
        }
        let mut tools: Vec<String> = done.iter().flat_map(|round| &round.calls).map(|call| call.slug.clone()).collect();
        tools.dedup();
        let question_id = self.row.question()?;
        let answered = Answered { run_id: self.id, question_id, skills, tools, took_ms, tokens, trace_id, problem: problem.clone() };
        sessions::service::write_answer(self.own, self.access, self.row.answer()?, &text, answered).await?;
        // What is to be asked again is asked where the answer stands.
        let mut tx = self.ctx.db().write_tx().await?;
        store::end(
            &mut tx,
            self.id,
            if state == RunState::Failed { RunState::Answered } else { state },
            problem.as_deref(),
            self.ctx.now(),
        )
        .await?;
        tx.commit().await?;
        self.tell();
        Ok(json!({ "state": state.as_str(), "problem": problem, "tokens": tokens }))
    }

    /// Records the run as a trace of the session's team, or of the one who asked.
    async fn trace(&self, asked: &str, skills: &[GivenSkill], model: &str, done: &[Round], state: RunState) -> AppResult<Option<TraceId>> {
        let Some(first) = done.first() else { return Ok(None) };
        let ended_at = self.ctx.now();
        let offset = |at: i64| u64::try_from(at - first.began_at).ok();
        let mut steps = Vec::new();
        for round in done {
            steps.push(Step {
                name: "answer".to_owned(),
                kind: StepKind::Llm,
                output: round.text.clone(),
                outcome: Outcome::Ok,
                offset_ms: offset(round.began_at),
                duration_ms: round.took_ms.unsigned_abs(),
                tokens_in: round.tokens_in.unsigned_abs(),
                tokens_out: round.tokens_out.unsigned_abs(),
                ..Step::default()
            });
            for call in &round.calls {
                steps.push(Step {
                    name: call.slug.clone(),
                    kind: StepKind::Tool,
                    input: Value::Object(call.inputs.clone()).to_string(),
                    output: call.result.outputs.clone().or_else(|| call.result.error.clone()).unwrap_or_default(),
                    outcome: call_outcome(call.state),
                    offset_ms: if call.began_at > 0 { offset(call.began_at) } else { None },
                    duration_ms: call.took_ms.unsigned_abs(),
                    ..Step::default()
                });
            }
        }
        if state == RunState::Failed
            && let Some(step) = steps.iter_mut().rev().find(|step| step.kind == StepKind::Llm)
        {
            step.outcome = Outcome::Error;
        }
        let trace = Trace {
            id: self.id.to_string(),
            goal: sessions::service::plain(asked),
            started_at: first.began_at,
            ended_at,
            model: Some(model.to_owned()),
            // Whether an answer was any good is for people to say.
            success: (state == RunState::Failed).then_some(false),
            skills_used: skills.iter().map(|skill| skill.slug.clone()).collect(),
            tokens_in: done.iter().map(|round| round.tokens_in.unsigned_abs()).sum(),
            tokens_out: done.iter().map(|round| round.tokens_out.unsigned_abs()).sum(),
            steps,
            ..Trace::default()
        };
        let arrival = Arrival::authorised(self.ctx, self.access.team, TraceSource::Assistant).await?;
        let arrival = Arrival { session: Some(self.access.id), ..arrival };
        traces::service::keep(self.ctx, &arrival, trace).await.map(Some)
    }
}

/// What nobody allowed, and what was still open when somebody stopped the answer, did not fail.
fn call_outcome(state: CallState) -> Outcome {
    match state {
        CallState::Done => Outcome::Ok,
        CallState::Failed => Outcome::Error,
        CallState::Asked | CallState::Running | CallState::Denied => Outcome::Skipped,
    }
}

/// Why a reply is no answer, if it is none.
pub fn unusable(reply: &Reply) -> Option<String> {
    match reply.finish {
        Finish::Length => Some("The answer was cut: the language model had no room for more. Ask it to go on.".to_owned()),
        Finish::Filtered => Some("The language model's service withheld the answer.".to_owned()),
        _ => None,
    }
}
