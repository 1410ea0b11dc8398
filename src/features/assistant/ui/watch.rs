//! What a page knows of its session's assistant: read when the page comes and when something changed, and grown by what is told in between.

use std::collections::BTreeSet;

use leptos::prelude::*;

use crate::{
    browser::tool_sandbox,
    error::{AppError, AppResult},
    features::{
        assistant::{
            model::{Assistant, Call, CallResult, CallState, Decision, Run, SkillChoice},
            state::{ask, choose_skill, decide, end_call, read_assistant, stop},
        },
        collaboration::state::Collaboration,
    },
    ids::{ArtifactId, CallId, EntryId, RunId, SessionId},
    ui::{toast::ToastsContext, toast_error, use_toasts},
};

/// The assistant of one session, as far as its page knows.
#[derive(Clone, Copy)]
pub struct Watch {
    session: SessionId,
    /// None: not read yet.
    pub known: RwSignal<Option<Assistant>>,
    may_write: Signal<bool>,
    /// Calls that this page has begun to run.
    begun: StoredValue<BTreeSet<CallId>>,
    /// One answer is on its way: another one is read behind it.
    reading: StoredValue<Reading>,
    toasts: ToastsContext,
}

#[derive(Clone, Copy, PartialEq)]
enum Reading {
    No,
    Yes,
    Again,
}

impl Watch {
    pub fn new(session: SessionId, live: Collaboration, may_write: Signal<bool>) -> Self {
        let watch = Self {
            session,
            known: RwSignal::new(None),
            may_write,
            begun: StoredValue::new(BTreeSet::new()),
            reading: StoredValue::new(Reading::No),
            toasts: use_toasts(),
        };
        live.on_entered(move || watch.read());
        live.on_resync(move || watch.read());
        live.on_session_update(move |update| {
            if update.data.get("changed").and_then(|changed| changed.as_str()) == Some("assistant") {
                watch.read();
            }
        });
        live.on_assistant_delta(move |run, from, text| watch.grow(run, from, text));
        Effect::new(move |_| watch.read());
        watch
    }

    /// Whether it answers here.
    pub fn answers(self) -> bool {
        self.known.with(|known| known.as_ref().is_some_and(|known| known.missing.is_none()))
    }

    /// What has to be done so that it answers.
    pub fn missing(self) -> Option<String> {
        self.known.with(|known| known.as_ref().and_then(|known| known.missing.clone()))
    }

    pub fn runs(self) -> Vec<Run> {
        self.known.with(|known| known.as_ref().map(|known| known.runs.clone()).unwrap_or_default())
    }

    fn read(self) {
        match self.reading.try_get_value() {
            Some(Reading::No) => self.reading.set_value(Reading::Yes),
            Some(_) => return self.reading.set_value(Reading::Again),
            None => return,
        }
        let answer = read_assistant(self.session);
        leptos::task::spawn_local(async move {
            let answer = answer.await;
            let again = self.reading.try_get_value() == Some(Reading::Again);
            self.reading.try_set_value(Reading::No);
            // What is shown stays; the next event asks again.
            if let Ok(read) = answer {
                self.put(read);
            }
            if again {
                self.read();
            }
        });
    }

    fn put(self, mut read: Assistant) {
        // What was told since the answer left is not taken back.
        self.known.try_update(|known| {
            let before = known.take();
            for run in &mut read.runs {
                let told = before.as_ref().and_then(|before| before.runs.iter().find(|old| old.id == run.id));
                if let Some(told) = told.filter(|told| told.text.starts_with(&run.text)) {
                    run.text.clone_from(&told.text);
                }
            }
            *known = Some(read);
        });
        self.run_what_is_granted();
    }

    fn grow(self, id: RunId, from: usize, text: &str) {
        let grown = self.known.try_update(|known| {
            let run = known.as_mut()?.runs.iter_mut().find(|run| run.id == id)?;
            match run.text.len() {
                length if length == from => run.text.push_str(text),
                // Known already.
                length if length >= from + text.len() => {}
                // Something was missed.
                _ => return None,
            }
            Some(())
        });
        if grown == Some(None) {
            self.read();
        }
    }

    /// One's own page runs what one has allowed for the session.
    fn run_what_is_granted(self) {
        if self.may_write.try_get_untracked() != Some(true) {
            return;
        }
        let granted: Vec<(RunId, Call)> = self.known.with_untracked(|known| {
            let runs = known.iter().flat_map(|known| &known.runs);
            runs.flat_map(|run| run.calls.iter().map(|call| (run.id, call.clone())))
                .filter(|(_, call)| call.granted && call.state == CallState::Asked)
                .collect()
        });
        for (run, call) in granted {
            self.decide(run, call.id, Decision::Session);
        }
    }

    /// Says whether a call may be made; what was allowed runs here.
    pub fn decide(self, run: RunId, call: CallId, decision: Decision) {
        if self.begun.try_update_value(|begun| begun.insert(call)) != Some(true) {
            return;
        }
        let session = self.session;
        let answer = decide(session, run, call, decision);
        leptos::task::spawn_local(async move {
            match answer.await {
                Ok(Some(work)) => {
                    let ran = tool_sandbox::run(work.code, work.inputs, work.hosts).await;
                    let result = match ran {
                        Ok(outputs) => CallResult { outputs: Some(outputs), error: None },
                        Err(why) => CallResult { outputs: None, error: Some(why) },
                    };
                    self.show(end_call(session, run, call, result).await);
                }
                Ok(None) => {}
                Err(error) => {
                    self.begun.try_update_value(|begun| begun.remove(&call));
                    self.read();
                    // Another page of one's own was quicker.
                    if decision != Decision::Session {
                        toast_error(self.toasts, &error);
                    }
                }
            }
        });
    }

    fn show(self, answer: AppResult<()>) {
        if let Err(error) = answer {
            self.fail(&error);
        }
    }

    fn fail(self, error: &AppError) {
        toast_error(self.toasts, error);
        self.read();
    }

    pub fn stop(self, run: RunId) {
        let answer = stop(self.session, run);
        leptos::task::spawn_local(async move { self.show(answer.await) });
    }

    pub fn ask(self, entry: EntryId) {
        self.take(ask(self.session, entry));
    }

    pub fn choose(self, skill: ArtifactId, choice: SkillChoice) {
        self.take(choose_skill(self.session, skill, choice));
    }

    fn take(self, answer: impl Future<Output = AppResult<Assistant>> + 'static) {
        leptos::task::spawn_local(async move {
            match answer.await {
                Ok(read) => self.put(read),
                Err(error) => self.fail(&error),
            }
        });
    }
}
