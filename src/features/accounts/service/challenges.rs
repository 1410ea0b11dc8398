//! What was begun and waits a few minutes for its second half: kept sealed, found by a secret of the browser or by the sign-in that asked.

use crate::{
    error::AppResult,
    features::accounts::store::{self, challenges::NewChallenge},
    ids::{SignInId, UserId},
    server::{clock, context::Ctx, db::Tx, secrets},
};

/// For so long it waits: long enough to find a telephone (OWASP ASVS 5.0, 6.5.5: ten minutes at most).
pub(super) const WAITS_MS: i64 = 5 * clock::MINUTE;

/// What waits for what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// A sign-in for the account's factor.
    SecondStep,
    /// A browser that wants to sign in by a passkey alone.
    PasskeySignIn,
    /// The secret of an app for its first code.
    AddTotp,
    AddPasskey,
    /// A passkey that proves once more who one is.
    Confirm,
}

impl Purpose {
    fn as_str(self) -> &'static str {
        match self {
            Self::SecondStep => "second step",
            Self::PasskeySignIn => "passkey sign-in",
            Self::AddTotp => "add totp",
            Self::AddPasskey => "add passkey",
            Self::Confirm => "confirm",
        }
    }
}

/// Under which something waits.
pub(super) struct Key {
    hash: String,
    purpose: Purpose,
}

/// What waited.
pub(super) struct Waiting {
    pub user: Option<UserId>,
    /// What the first half was.
    pub how: String,
    pub text: Option<String>,
    pub expires_at: i64,
}

impl Key {
    /// By a secret that the browser has in a cookie.
    pub fn of_secret(secret: &str, purpose: Purpose) -> Self {
        Self { hash: secrets::hash(secret), purpose }
    }

    /// By a sign-in: one thing of each kind waits for it.
    pub fn of_sign_in(id: SignInId, purpose: Purpose) -> Self {
        Self { hash: secrets::hash(&format!("{} of {id}", purpose.as_str())), purpose }
    }

    /// What of another purpose or under another key was sealed does not open.
    fn sealed_for(&self) -> String {
        format!("{} {}", self.purpose.as_str(), self.hash)
    }

    fn seal(&self, ctx: &Ctx, text: &str) -> Vec<u8> {
        ctx.state.vault.seal(&self.sealed_for(), text)
    }

    /// Begins to wait, in the place of what waited under this key; until when.
    pub async fn keep(&self, ctx: &Ctx, tx: &mut Tx, user: Option<UserId>, how: &str, text: Option<&str>) -> AppResult<i64> {
        let expires_at = ctx.now() + WAITS_MS;
        let sealed = text.map(|text| self.seal(ctx, text));
        let new = NewChallenge { key_hash: &self.hash, purpose: self.purpose.as_str(), user, how, sealed, expires_at };
        store::challenges::put(tx, &new, ctx.now()).await?;
        Ok(expires_at)
    }

    /// Keeps a text with what waits already.
    pub async fn add(&self, ctx: &Ctx, tx: &mut Tx, text: &str) -> AppResult<()> {
        store::challenges::set_sealed(tx, &self.hash, Some(self.seal(ctx, text))).await
    }

    fn opened(&self, ctx: &Ctx, row: store::challenges::ChallengeRow) -> AppResult<Waiting> {
        Ok(Waiting {
            user: row.user_id.as_deref().map(store::id).transpose()?,
            how: row.how,
            text: row.sealed.and_then(|sealed| ctx.state.vault.open(&self.sealed_for(), &sealed)),
            expires_at: row.expires_at,
        })
    }

    /// What waits, if anything does.
    pub async fn find(&self, ctx: &Ctx) -> AppResult<Option<Waiting>> {
        let row = store::challenges::find(ctx.db().read(), &self.hash, self.purpose.as_str(), ctx.now()).await?;
        row.map(|row| self.opened(ctx, row)).transpose()
    }

    /// Takes it out, so that nobody else does.
    pub async fn take(&self, ctx: &Ctx, tx: &mut Tx) -> AppResult<Option<Waiting>> {
        let row = store::challenges::take(tx, &self.hash, self.purpose.as_str(), ctx.now()).await?;
        row.map(|row| self.opened(ctx, row)).transpose()
    }

    /// Counts a wrong answer; false when that was the last one that it takes.
    pub async fn count_try(&self, tx: &mut Tx) -> AppResult<bool> {
        /// A person mistypes once or twice; a program that guesses six digits gets nowhere with five.
        const TRIES: i64 = 5;
        store::challenges::count_try(tx, &self.hash, TRIES).await
    }
}
