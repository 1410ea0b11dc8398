//! Who is told of proposals: when some are made, those who may decide on them; when one is accepted, those whose runs led to it.

use std::collections::HashSet;

use super::{
    super::{
        model::{Ground, ProposalKind},
        store::{self, NewProposal, ProposalRow},
    },
    COUNTED,
};
use crate::{
    error::AppResult,
    features::{
        accounts::{self, Action},
        notifications::{
            self,
            model::{NotificationKind, Spot, SubjectKind},
            service::NewNotification,
        },
        traces,
    },
    ids::UserId,
    server::{
        context::Ctx,
        db::{Tx, parse_id},
    },
};

/// Proposals that a notice names; of more there is only the number.
const NAMED: usize = 3;

/// People of a place, and what its patterns are called there. It is read before the transaction in which they are told.
pub struct Audience {
    ground: Ground,
    people: Vec<UserId>,
    title: String,
}

impl Audience {
    /// Those who may decide there, but for whoever had the pass made.
    pub async fn deciding(ctx: &Ctx, ground: Ground, but: Option<UserId>) -> AppResult<Self> {
        let mut people = match ground {
            Ground::Own(user) => vec![user],
            Ground::Team(team) => accounts::service::members_who_may(ctx, team, Action::Commit).await?,
            Ground::System => accounts::service::administrators(ctx).await?,
        };
        people.retain(|user| Some(*user) != but);
        Self::of(ctx, ground, people).await
    }

    /// Those whose runs a proposal came from, as far as they are still in the team.
    pub async fn running(ctx: &Ctx, ground: Ground, row: &ProposalRow) -> AppResult<Self> {
        // Who ran what is not told across teams, and the page is for administrators.
        if ground == Ground::System {
            return Self::of(ctx, ground, Vec::new()).await;
        }
        let mut people = match store::pattern(ctx.db().read(), parse_id(&row.pattern_id)?).await? {
            Some(pattern) => {
                let ids = store::traces_of(ctx.db().read(), &pattern.place_id, pattern.number, COUNTED).await?;
                traces::service::accounts_of(ctx, &ids).await?
            }
            None => Vec::new(),
        };
        if let Ground::Team(team) = ground {
            let members: HashSet<UserId> = accounts::service::members_who_may(ctx, team, Action::Read).await?.into_iter().collect();
            people.retain(|user| members.contains(user));
        }
        Self::of(ctx, ground, people).await
    }

    async fn of(ctx: &Ctx, ground: Ground, people: Vec<UserId>) -> AppResult<Self> {
        let title = match ground {
            Ground::Own(_) => "Your own patterns".to_owned(),
            Ground::System => "Patterns of all teams".to_owned(),
            Ground::Team(team) => {
                let name = accounts::service::names_of_publishers(ctx, &[team]).await?.pop().map(|(_, name)| name).unwrap_or_default();
                format!("Patterns of {name}")
            }
        };
        Ok(Self { ground, people, title })
    }

    /// One notice for each, of all that was proposed in this transaction. [`tell`](Self::tell) follows the commit.
    pub async fn proposed(&self, ctx: &Ctx, tx: &mut Tx, made: &[NewProposal<'_>]) -> AppResult<()> {
        let Some(first) = made.first() else { return Ok(()) };
        let (text, pattern) = match made {
            [one] => (words(one.kind, one.slug, one.pattern.runs), Some(parse_id(&one.pattern.id)?)),
            many => {
                let named = many.iter().take(NAMED).map(|one| one.slug).collect::<Vec<_>>().join(", ");
                let more = many.len().saturating_sub(NAMED);
                let more = if more > 0 { format!(" and {more} more") } else { String::new() };
                (format!("{} proposals: {named}{more}", many.len()), None)
            }
        };
        let spot = Spot { pattern_id: pattern, ..Spot::default() };
        self.notify(ctx, tx, NotificationKind::Proposal, format!("proposals {}", first.id), &text, spot).await
    }

    /// What came of a proposal that was accepted. [`tell`](Self::tell) follows the commit.
    pub async fn accepted(&self, ctx: &Ctx, tx: &mut Tx, row: &ProposalRow) -> AppResult<()> {
        let text = match ProposalKind::parse(&row.kind) {
            ProposalKind::Retire => format!("{}: retired, since runs with it fail more often", row.slug),
            kind => words(kind, &row.slug, row.runs),
        };
        let spot = Spot { pattern_id: Some(parse_id(&row.pattern_id)?), ..Spot::default() };
        self.notify(ctx, tx, NotificationKind::Accepted, format!("accepted {}", row.id), &text, spot).await
    }

    async fn notify(&self, ctx: &Ctx, tx: &mut Tx, kind: NotificationKind, source: String, text: &str, spot: Spot) -> AppResult<()> {
        let new = NewNotification::new(kind, subject(self.ground), &self.title, text).source(source);
        notifications::service::notify(ctx, tx, &self.people, &NewNotification { team: self.ground.team(), spot, ..new }).await
    }

    /// After the commit: their open pages show it.
    pub async fn tell(&self, ctx: &Ctx) {
        notifications::service::tell(ctx, &self.people).await;
    }
}

fn words(kind: ProposalKind, slug: &str, runs: i64) -> String {
    match kind {
        ProposalKind::New | ProposalKind::Improves => format!("{slug}: drawn from {runs} runs"),
        ProposalKind::Retire => format!("{slug}: runs with it fail more often, so it is to be retired"),
    }
}

fn subject(ground: Ground) -> (SubjectKind, String) {
    match ground {
        Ground::Own(_) => (SubjectKind::OwnEvolution, ground.id()),
        Ground::Team(_) => (SubjectKind::Evolution, ground.id()),
        Ground::System => (SubjectKind::AllEvolution, ground.id()),
    }
}

/// All of a place is removed for good.
pub async fn forget(tx: &mut Tx, ground: Ground) -> AppResult<()> {
    let (kind, id) = subject(ground);
    notifications::service::forget_subjects(tx, kind, &[id]).await
}
