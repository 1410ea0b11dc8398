//! The one permission matrix: which role may do what in a workspace. Every route and every socket message goes through it.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// A member's role in a team, from least to most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    Viewer,
    Member,
    Maintainer,
    Owner,
}

impl Role {
    pub const ALL: [Role; 4] = [Role::Viewer, Role::Member, Role::Maintainer, Role::Owner];

    pub fn as_str(self) -> &'static str {
        match self {
            Role::Viewer => "viewer",
            Role::Member => "member",
            Role::Maintainer => "maintainer",
            Role::Owner => "owner",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Role {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        Role::ALL.into_iter().find(|role| role.as_str() == text).ok_or(())
    }
}

/// What somebody wants to do in a workspace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// See the workspace, its members, volumes, artifacts and history; take copies out.
    Read,
    /// Write messages and comments, begin sessions.
    Converse,
    /// Write drafts, upload files, make new artifacts.
    EditDrafts,
    /// Commit, restore, move, import, delete to the trash and take back.
    Commit,
    /// Publish in the marketplace in the workspace's name.
    Publish,
    /// Make, rename and delete volumes; empty the trash.
    ManageVolumes,
    /// Invite people and see open invitations.
    Invite,
    /// Remove members and change roles, below one's own role.
    ManageMembers,
    /// Make agent accounts and their tokens.
    ManageAgents,
    /// Rename the team.
    ManageTeam,
    /// Read the audit log.
    ReadAudit,
    /// Hand ownership over, delete the team.
    OwnTeam,
}

impl Action {
    pub const ALL: [Action; 12] = [
        Action::Read,
        Action::Converse,
        Action::EditDrafts,
        Action::Commit,
        Action::Publish,
        Action::ManageVolumes,
        Action::Invite,
        Action::ManageMembers,
        Action::ManageAgents,
        Action::ManageTeam,
        Action::ReadAudit,
        Action::OwnTeam,
    ];

    /// The matrix: the least role that may do it. Roles are ordered, so one column says all.
    pub fn least_role(self) -> Role {
        match self {
            Action::Read => Role::Viewer,
            Action::Converse | Action::EditDrafts | Action::Commit => Role::Member,
            Action::Publish | Action::ManageVolumes | Action::Invite | Action::ManageMembers | Action::ManageAgents => Role::Maintainer,
            Action::ManageTeam | Action::ReadAudit | Action::OwnTeam => Role::Owner,
        }
    }

    /// The scope an API token needs for it, besides the role of its account.
    pub fn scope(self) -> Scope {
        match self {
            Action::Read => Scope::Read,
            Action::Converse | Action::EditDrafts | Action::Commit => Scope::Write,
            Action::Publish => Scope::Publish,
            Action::ManageVolumes
            | Action::Invite
            | Action::ManageMembers
            | Action::ManageAgents
            | Action::ManageTeam
            | Action::ReadAudit
            | Action::OwnTeam => Scope::Admin,
        }
    }
}

impl Role {
    /// Whether this role may do `action`.
    pub fn allows(self, action: Action) -> bool {
        self >= action.least_role()
    }

    /// Whether this role may give, change or take away `other`: an owner any, a maintainer only what is below it.
    pub fn governs(self, other: Role) -> bool {
        self == Role::Owner || (self.allows(Action::ManageMembers) && other < self)
    }
}

/// What an API token may be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    Read,
    Write,
    Publish,
    Admin,
}

impl Scope {
    pub const ALL: [Scope; 4] = [Scope::Read, Scope::Write, Scope::Publish, Scope::Admin];

    pub fn as_str(self) -> &'static str {
        match self {
            Scope::Read => "read",
            Scope::Write => "write",
            Scope::Publish => "publish",
            Scope::Admin => "admin",
        }
    }
}

/// The scopes of one token; kept as space-separated words.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Scopes(pub Vec<Scope>);

impl Scopes {
    /// Write includes read; the others stand for themselves.
    pub fn contain(&self, scope: Scope) -> bool {
        self.0.contains(&scope) || (scope == Scope::Read && self.0.contains(&Scope::Write))
    }

    /// Reads the stored form; unknown words grant nothing.
    pub fn parse(text: &str) -> Self {
        Self(text.split_whitespace().filter_map(|word| Scope::ALL.into_iter().find(|scope| scope.as_str() == word)).collect())
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, scope) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str(" ")?;
            }
            f.write_str(scope.as_str())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The matrix cell by cell, written out a second time so that a slip in either place shows.
    #[test]
    fn every_cell_of_the_matrix() {
        use Action::*;
        //                        viewer member maintainer owner
        let matrix: [(Action, [bool; 4]); 12] = [
            (Read, [true, true, true, true]),
            (Converse, [false, true, true, true]),
            (EditDrafts, [false, true, true, true]),
            (Commit, [false, true, true, true]),
            (Publish, [false, false, true, true]),
            (ManageVolumes, [false, false, true, true]),
            (Invite, [false, false, true, true]),
            (ManageMembers, [false, false, true, true]),
            (ManageAgents, [false, false, true, true]),
            (ManageTeam, [false, false, false, true]),
            (ReadAudit, [false, false, false, true]),
            (OwnTeam, [false, false, false, true]),
        ];
        assert_eq!(matrix.map(|(action, _)| action), Action::ALL, "each action has its row");
        for (action, cells) in matrix {
            for (role, expected) in Role::ALL.into_iter().zip(cells) {
                assert_eq!(role.allows(action), expected, "{role} {action:?}");
            }
        }
    }

    #[test]
    fn who_may_change_whose_role() {
        use Role::*;
        //                          viewer member maintainer owner  (the other)
        let matrix: [(Role, [bool; 4]); 4] = [
            (Viewer, [false, false, false, false]),
            (Member, [false, false, false, false]),
            (Maintainer, [true, true, false, false]),
            (Owner, [true, true, true, true]),
        ];
        for (role, cells) in matrix {
            for (other, expected) in Role::ALL.into_iter().zip(cells) {
                assert_eq!(role.governs(other), expected, "{role} over {other}");
            }
        }
    }

    #[test]
    fn scopes_keep_their_words_and_unknown_ones_grant_nothing() {
        let scopes = Scopes::parse("write publish root");
        assert_eq!(scopes.to_string(), "write publish");
        assert!(scopes.contain(Scope::Read) && scopes.contain(Scope::Write) && !scopes.contain(Scope::Admin));
        assert!(!Scopes::parse("admin").contain(Scope::Write));
    }
}
