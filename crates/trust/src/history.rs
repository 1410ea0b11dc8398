//! Which keys spoke for an account, and when, by what the log says.

use crate::envelope::{Envelope, EnvelopeError};
use crate::keys::{KeyId, PublicKey};
use crate::statement::{KeyAction, KeyStatement};

/// The keys of one account, from the key statements about it in the order of the log.
///
/// *When* is a number in the log and nothing else: nobody can date a statement back.
#[derive(Debug, Clone)]
pub struct KeyHistory {
    account: String,
    keys: Vec<Holding>,
    last: Option<u64>,
}

/// A key from `added` on.
#[derive(Debug, Clone)]
struct Holding {
    key: PublicKey,
    added: u64,
    /// The key that said so.
    by: Option<PublicKey>,
    rotated: Option<u64>,
    revoked: Option<Revocation>,
}

#[derive(Debug, Clone)]
struct Revocation {
    index: u64,
    compromised_since: Option<u64>,
    reason: String,
}

/// Why a key statement cannot be taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HistoryError {
    #[error(transparent)]
    Envelope(#[from] EnvelopeError),
    #[error("The key statement is about the account {found:?} and not about {expected:?}.")]
    Account { found: String, expected: String },
    #[error("The key statement {index} of the log does not come after those before it.")]
    Order { index: u64 },
    #[error("The key statement is not signed by the registry.")]
    Registry,
    #[error("The key statement is not signed by the key {0}, whose holder would have to agree.")]
    Unsigned(KeyId),
    #[error("The key {0} is one of the account already, or was.")]
    Again(KeyId),
    #[error("The key {0} is none of the account's, or none any more.")]
    NotHeld(KeyId),
    #[error("The key statement contradicts itself: {0}.")]
    Contradiction(&'static str),
}

/// Why a key did not speak for the account.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyFault {
    #[error("The key {0} was never one of the account's.")]
    Unknown(KeyId),
    #[error("The key {key} became the account's only with entry {added} of the log.")]
    NotYet { key: KeyId, added: u64 },
    #[error("Another key took the place of {key} with entry {rotated} of the log.")]
    Rotated { key: KeyId, rotated: u64 },
    #[error("The key {key} was revoked with entry {revoked} of the log{}.", because(reason))]
    Revoked { key: KeyId, revoked: u64, reason: String },
    #[error("The key {key} may have been used by others from entry {since} of the log on{}.", because(reason))]
    Compromised { key: KeyId, since: u64, reason: String },
}

fn because(reason: &str) -> String {
    if reason.is_empty() { String::new() } else { format!(": {reason:?}") }
}

impl KeyHistory {
    pub fn new(account: &str) -> Self {
        Self { account: account.to_owned(), keys: Vec::new(), last: None }
    }

    /// Takes the key statement with the number `index` of the log, above those taken before.
    ///
    /// The registry (one of `registry`) signs each. Beside it sign: whoever holds a key that is added, so that nobody adds a stranger's; and
    /// `by`, which has to be a key of the account then. Without `by` the registry decides, for a first key or when keys are lost; a rotation
    /// always needs `by`, and whoever pinned a key follows no statement without.
    ///
    /// # Errors
    /// Any of `HistoryError`; the history stays as it was.
    pub fn push(&mut self, index: u64, envelope: &Envelope, registry: &[PublicKey]) -> Result<(), HistoryError> {
        let KeyStatement { account, key, action, by, reason, compromised_since, .. } = envelope.statement()?;
        if account != self.account {
            return Err(HistoryError::Account { found: account, expected: self.account.clone() });
        }
        if self.last.is_some_and(|last| index <= last) {
            return Err(HistoryError::Order { index });
        }
        envelope.verify(1, registry).map_err(|_| HistoryError::Registry)?;
        let signed_by = |key: &PublicKey| envelope.verify(1, &[*key]).map_err(|_| HistoryError::Unsigned(key.id()));
        let by = match by {
            None => None,
            Some(id) => Some(self.keys.iter().position(|held| held.key.id() == id).ok_or(HistoryError::NotHeld(id))?),
        };
        if let Some(at) = by {
            let by = &self.keys[at].key;
            self.check(by, index).map_err(|_| HistoryError::NotHeld(by.id()))?;
            signed_by(by)?;
        }
        let known = self.keys.iter().position(|held| held.key == key);
        if action != KeyAction::Revoke {
            signed_by(&key)?;
            if compromised_since.is_some() {
                return Err(HistoryError::Contradiction("only what is revoked can be compromised"));
            }
            if known.is_some() {
                return Err(HistoryError::Again(key.id()));
            }
        }
        match action {
            KeyAction::Add => {}
            KeyAction::Rotate => {
                let at = by.ok_or(HistoryError::Contradiction("it does not say which key is replaced"))?;
                self.keys[at].rotated = Some(index);
            }
            KeyAction::Revoke => {
                let held = &mut self.keys[known.ok_or(HistoryError::NotHeld(key.id()))?];
                // A second time may say more, and takes nothing back.
                let since = held.revoked.as_ref().and_then(|before| before.compromised_since).into_iter().chain(compromised_since).min();
                let revoked = held.revoked.as_ref().map_or(index, |before| before.index);
                held.revoked = Some(Revocation { index: revoked, compromised_since: since, reason });
            }
        }
        if action != KeyAction::Revoke {
            let by = by.map(|at| self.keys[at].key);
            self.keys.push(Holding { key, added: index, by, rotated: None, revoked: None });
        }
        self.last = Some(index);
        Ok(())
    }

    /// Whether `key` spoke for the account at `index` in the log, by all that is known now. What was logged before a rotation or a
    /// revocation stays, unless the key was compromised by then. A key that was brought in by one that was compromised by then never spoke.
    ///
    /// # Errors
    /// Why not.
    pub fn check(&self, key: &PublicKey, index: u64) -> Result<(), KeyFault> {
        let (mut key, mut index) = (*key, index);
        loop {
            let id = key.id();
            let held = self.held(&key).ok_or(KeyFault::Unknown(id))?;
            if index < held.added {
                return Err(KeyFault::NotYet { key: id, added: held.added });
            }
            if let Some(Revocation { index: revoked, compromised_since, reason }) = &held.revoked {
                if let Some(since) = compromised_since.filter(|since| *since <= index) {
                    return Err(KeyFault::Compromised { key: id, since, reason: reason.clone() });
                }
                if *revoked < index {
                    return Err(KeyFault::Revoked { key: id, revoked: *revoked, reason: reason.clone() });
                }
            }
            if let Some(rotated) = held.rotated.filter(|rotated| *rotated < index) {
                return Err(KeyFault::Rotated { key: id, rotated });
            }
            // A key was added before it added another, so this ends.
            match held.by {
                Some(by) => (key, index) = (by, held.added),
                None => return Ok(()),
            }
        }
    }

    /// Whether `key` is `pinned` or was brought in by it, over however many keys.
    pub fn descends(&self, key: &PublicKey, pinned: &PublicKey) -> bool {
        let mut key = Some(*key);
        while let Some(at) = key {
            if at == *pinned {
                return true;
            }
            key = self.held(&at).and_then(|held| held.by);
        }
        false
    }

    fn held(&self, key: &PublicKey) -> Option<&Holding> {
        self.keys.iter().find(|held| held.key == *key)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::keys::SigningKey;

    const ACCOUNT: &str = "ada";

    fn key(number: u8) -> SigningKey {
        SigningKey::from_seed(&[number; 32])
    }

    fn registry() -> SigningKey {
        key(200)
    }

    fn statement(action: KeyAction, key: &SigningKey, by: Option<&SigningKey>) -> KeyStatement {
        KeyStatement {
            account: ACCOUNT.into(),
            key: key.public(),
            action,
            by: by.map(|by| by.public().id()),
            reason: "because".into(),
            compromised_since: None,
            at: "2026-11-28T08:00:00Z".into(),
        }
    }

    /// Signed by `signers` and the registry.
    fn push(history: &mut KeyHistory, index: u64, statement: &KeyStatement, signers: &[&SigningKey]) -> Result<(), HistoryError> {
        let mut envelope = Envelope::new(statement).unwrap();
        signers.iter().for_each(|key| envelope.sign(key));
        envelope.sign(&registry());
        history.push(index, &envelope, &[registry().public()])
    }

    /// Key 1 at 10, replaced by key 2 at 20.
    fn rotated() -> KeyHistory {
        let (first, second) = (key(1), key(2));
        let mut history = KeyHistory::new(ACCOUNT);
        push(&mut history, 10, &statement(KeyAction::Add, &first, None), &[&first]).unwrap();
        push(&mut history, 20, &statement(KeyAction::Rotate, &second, Some(&first)), &[&first, &second]).unwrap();
        history
    }

    #[test]
    fn a_rotation_ends_one_key_and_begins_another() {
        let history = rotated();
        let (first, second) = (key(1).public(), key(2).public());
        assert_eq!(history.check(&first, 9), Err(KeyFault::NotYet { key: first.id(), added: 10 }));
        assert_eq!(history.check(&first, 15), Ok(()));
        assert_eq!(history.check(&first, 21), Err(KeyFault::Rotated { key: first.id(), rotated: 20 }));
        assert_eq!(history.check(&second, 15), Err(KeyFault::NotYet { key: second.id(), added: 20 }));
        assert_eq!(history.check(&second, 21), Ok(()));
        assert_eq!(history.check(&key(3).public(), 21), Err(KeyFault::Unknown(key(3).public().id())));
        assert!(history.descends(&second, &first));
        assert!(!history.descends(&first, &second));
    }

    #[test]
    fn what_was_logged_before_a_revocation_stays() {
        let mut history = rotated();
        push(&mut history, 30, &statement(KeyAction::Revoke, &key(2), Some(&key(2))), &[&key(2)]).unwrap();
        let second = key(2).public();
        assert_eq!((history.check(&second, 25), history.check(&second, 30)), (Ok(()), Ok(())));
        let fault = history.check(&second, 31).unwrap_err();
        assert_eq!(fault, KeyFault::Revoked { key: second.id(), revoked: 30, reason: "because".into() });
        assert_eq!(fault.to_string(), format!("The key {} was revoked with entry 30 of the log: \"because\".", second.id()));
        // It signs nothing any more, also no other key.
        let fault = push(&mut history, 40, &statement(KeyAction::Add, &key(3), Some(&key(2))), &[&key(2), &key(3)]);
        assert_eq!(fault, Err(HistoryError::NotHeld(second.id())));
        // The registry lets somebody begin anew who lost all keys.
        push(&mut history, 50, &statement(KeyAction::Add, &key(3), None), &[&key(3)]).unwrap();
        assert_eq!(history.check(&key(3).public(), 51), Ok(()));
        assert!(!history.descends(&key(3).public(), &key(1).public()));
    }

    #[test]
    fn a_compromise_reaches_back_and_to_the_keys_that_it_brought_in() {
        let mut history = rotated();
        let compromised = |since| KeyStatement { compromised_since: Some(since), ..statement(KeyAction::Revoke, &key(1), None) };
        push(&mut history, 30, &compromised(15), &[]).unwrap();
        let (first, second) = (key(1).public(), key(2).public());
        let fault = |key: &PublicKey| Err(KeyFault::Compromised { key: key.id(), since: 15, reason: "because".into() });
        assert_eq!(history.check(&first, 14), Ok(()));
        assert_eq!(history.check(&first, 15), fault(&first));
        assert_eq!(history.check(&second, 25), fault(&first));
        // Whoever says so again with a later number takes nothing back.
        push(&mut history, 31, &compromised(18), &[]).unwrap();
        assert_eq!(history.check(&first, 15), fault(&first));
        push(&mut history, 32, &compromised(12), &[]).unwrap();
        assert!(matches!(history.check(&first, 12), Err(KeyFault::Compromised { since: 12, .. })));
        assert_eq!(history.check(&first, 11), Ok(()));
    }

    #[test]
    fn who_has_to_sign() {
        let (first, second) = (key(1), key(2));
        let mut history = KeyHistory::new(ACCOUNT);
        let add = statement(KeyAction::Add, &first, None);
        assert_eq!(push(&mut history, 1, &add, &[]), Err(HistoryError::Unsigned(first.public().id())));
        let mut alone = Envelope::new(&add).unwrap();
        alone.sign(&first);
        assert_eq!(history.push(1, &alone, &[registry().public()]), Err(HistoryError::Registry));
        push(&mut history, 1, &add, &[&first]).unwrap();
        let rotate = statement(KeyAction::Rotate, &second, Some(&first));
        assert_eq!(push(&mut history, 2, &rotate, &[&second]), Err(HistoryError::Unsigned(first.public().id())));
        assert_eq!(push(&mut history, 2, &rotate, &[&first]), Err(HistoryError::Unsigned(second.public().id())));
        let revoke = statement(KeyAction::Revoke, &first, Some(&first));
        assert_eq!(push(&mut history, 2, &revoke, &[&second]), Err(HistoryError::Unsigned(first.public().id())));
        push(&mut history, 2, &rotate, &[&first, &second]).unwrap();
    }

    #[test]
    fn what_contradicts_the_history_is_refused_and_changes_nothing() {
        let mut history = rotated();
        let (first, second, third) = (key(1), key(2), key(3));
        let id = |key: &SigningKey| key.public().id();
        let mut refused = |index, statement: KeyStatement| push(&mut history, index, &statement, &[&first, &second, &third]).unwrap_err();
        let add = statement(KeyAction::Add, &third, None);
        assert_eq!(refused(20, add.clone()), HistoryError::Order { index: 20 });
        let strange = KeyStatement { account: "eve".into(), ..add.clone() };
        assert_eq!(refused(30, strange), HistoryError::Account { found: "eve".into(), expected: ACCOUNT.into() });
        assert_eq!(refused(30, statement(KeyAction::Add, &first, None)), HistoryError::Again(id(&first)));
        assert_eq!(refused(30, statement(KeyAction::Rotate, &third, Some(&first))), HistoryError::NotHeld(id(&first)));
        assert_eq!(refused(30, statement(KeyAction::Add, &third, Some(&third))), HistoryError::NotHeld(id(&third)));
        assert_eq!(refused(30, statement(KeyAction::Revoke, &third, None)), HistoryError::NotHeld(id(&third)));
        assert!(matches!(refused(30, statement(KeyAction::Rotate, &third, None)), HistoryError::Contradiction(_)));
        assert!(matches!(refused(30, KeyStatement { compromised_since: Some(1), ..add.clone() }), HistoryError::Contradiction(_)));
        push(&mut history, 21, &statement(KeyAction::Rotate, &third, Some(&second)), &[&second, &third]).unwrap();
        assert!(history.descends(&third.public(), &first.public()));
    }
}
