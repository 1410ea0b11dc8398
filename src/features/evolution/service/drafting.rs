//! The text of a proposal: made from what runs share, in the words of a language model where one is configured and keeps to the runs.

use std::time::Duration;

use llmos_assistant::wire::Message;
use llmos_patterns::{Origin, Question, Summary, draft, prose_draft, question, read_prose};

use super::{super::model::Ground, counting::counted};
use crate::{
    error::AppResult,
    features::{
        analytics::service::{UsageKind, record},
        assistant,
    },
    server::context::Ctx,
};

/// Texts that one pass asks a model for; what is proposed beyond that is drafted without it.
const BY_MODEL: usize = 10;
/// A model has so long for one text.
const PATIENCE: Duration = Duration::from_secs(30);
/// Who wrote what no model did.
pub const GENERATOR: &str = "generator";

pub struct Drafted {
    pub text: String,
    /// `generator`, or the name of a model.
    pub author: String,
    /// Why a model was asked and did not write it.
    pub note: Option<String>,
}

/// Writes the texts of one pass.
pub struct Writer {
    left: usize,
    /// What people should know of it, a line each.
    pub notes: Vec<String>,
}

impl Writer {
    pub fn new() -> Self {
        Self { left: BY_MODEL, notes: Vec::new() }
    }

    /// Drafts a text. Whatever becomes of the model, there is one.
    pub async fn write(&mut self, ctx: &Ctx, ground: Ground, summary: &Summary, origin: &Origin<'_>) -> Drafted {
        let plain = draft(summary, origin);
        let generated = |note| Drafted { text: plain.clone(), author: GENERATOR.to_owned(), note };
        let Some(question) = question(summary, &plain).filter(|_| self.left > 0) else { return generated(None) };
        let written = match ask(ctx, ground, question).await {
            Ok(None) => return generated(None),
            Ok(Some(Ok(written))) => written,
            Ok(Some(Err(why))) => return generated(Some(self.is_down(origin, &why))),
            Err(error) => return generated(Some(self.is_down(origin, &error.message))),
        };
        self.left -= 1;
        if self.left == 0 {
            self.notes.push(format!("The language model wrote {BY_MODEL} drafts; the others are made without it."));
        }
        match read_prose(&written.text).and_then(|prose| prose_draft(summary, origin, &prose)) {
            Ok(text) => Drafted { text, author: written.model, note: None },
            Err(unfit) => {
                let note = format!("{} was asked for the text, and it was made without it: {unfit}", written.model);
                self.notes.push(format!("{}: {note}", origin.slug));
                generated(Some(note))
            }
        }
    }

    /// Others do not wait for a model that does not answer.
    fn is_down(&mut self, origin: &Origin<'_>, why: &str) -> String {
        self.left = 0;
        let note = format!("The text was made without the language model: {why}");
        self.notes.push(format!("{}: {note}", origin.slug));
        note
    }
}

async fn ask(ctx: &Ctx, ground: Ground, question: Question) -> AppResult<Option<Result<assistant::service::Written, String>>> {
    let messages = [Message::System { content: question.system }, Message::User { content: question.user }];
    let answer = assistant::service::write(ctx, ground.team(), &messages, PATIENCE).await?;
    if let Some(Ok(written)) = &answer {
        let mut tx = ctx.db().write_tx().await?;
        record(ctx, &mut tx, counted(ground, UsageKind::EvolutionDrafted).amount(i64::try_from(written.tokens).unwrap_or(i64::MAX)))
            .await?;
        tx.commit().await?;
    }
    Ok(answer)
}
