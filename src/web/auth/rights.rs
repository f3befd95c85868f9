//! Roles and rights: who may do what, as one table. Every proof is made by asking it, and so is every sentence of a refusal.
//!
//! A token's scope is a role that no person has: programs get less than people, and never people or audit.

use schemars::JsonSchema;
use serde::Serialize;

/// What can be allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Right {
    /// Alerts, evidence, channels, pictures, rules, the box, the live feed.
    See,
    /// Notes and feedback on alerts.
    Feedback,
    /// Taking alerts and handling them; giving back and putting aside what is one's own.
    Act,
    /// Giving back, putting aside and fetching back what others hold or put aside.
    ActOverOthers,
    /// Writing and signing handovers, and taking them over: a person each, since a program signs for whoever made its token.
    HandOver,
    /// Signing a handover for others.
    HandOverForOthers,
    /// Figures on how the work goes, of any span. Those of a shift stand in its handover for whoever may read that.
    Numbers,
    /// Channels, areas, rules, timetables, credentials, discovery, dry runs.
    Configure,
    /// Users, their rights and sessions; tokens.
    People,
    /// Who viewed, changed and exported what.
    Audit,
}

impl Right {
    pub const ALL: [Right; 10] = {
        use Right as R;
        [
            R::See,
            R::Feedback,
            R::Act,
            R::ActOverOthers,
            R::HandOver,
            R::HandOverForOthers,
            R::Numbers,
            R::Configure,
            R::People,
            R::Audit,
        ]
    };
}

/// What a login is allowed altogether. Unknown ones in the database are refused, not guessed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    Viewer,
    Operator,
    Supervisor,
    Engineer,
    Administrator,
    /// Scopes of tokens.
    Reader,
    Actor,
    Reporter,
    Configurer,
}

impl Role {
    /// Roles of people, from the least to the most.
    pub const PEOPLE: [Role; 5] = [Role::Viewer, Role::Operator, Role::Supervisor, Role::Engineer, Role::Administrator];
    /// Scopes of tokens.
    pub const TOKENS: [Role; 4] = [Role::Reader, Role::Actor, Role::Reporter, Role::Configurer];

    pub fn as_str(self) -> &'static str {
        match self {
            Role::Viewer => "viewer",
            Role::Operator => "operator",
            Role::Supervisor => "supervisor",
            Role::Engineer => "engineer",
            Role::Administrator => "administrator",
            Role::Reader => "read",
            Role::Actor => "act",
            Role::Reporter => "feedback",
            Role::Configurer => "configure",
        }
    }

    /// The role of a person.
    pub fn of_person(text: &str) -> Option<Self> {
        Self::PEOPLE.into_iter().find(|r| r.as_str() == text)
    }

    /// The scope of a token.
    pub fn of_token(text: &str) -> Option<Self> {
        Self::TOKENS.into_iter().find(|r| r.as_str() == text)
    }

    pub fn rights(self) -> Vec<Right> {
        Right::ALL.into_iter().filter(|right| may(self, *right)).collect()
    }
}

/// The table.
pub fn may(role: Role, right: Right) -> bool {
    use Right as R;
    let of: &[Right] = match role {
        Role::Viewer | Role::Reader => &[R::See],
        Role::Actor => &[R::See, R::Feedback, R::Act],
        Role::Operator => &[R::See, R::Feedback, R::Act, R::HandOver],
        Role::Supervisor => {
            &[R::See, R::Feedback, R::Act, R::ActOverOthers, R::HandOver, R::HandOverForOthers, R::Numbers]
        }
        Role::Engineer | Role::Configurer => &[R::See, R::Configure],
        Role::Reporter => &[R::Feedback],
        Role::Administrator => &Right::ALL,
    };
    of.contains(&right)
}

/// Those of the roles that may: `operator, supervisor or administrator`.
fn allowed(roles: &[Role], right: Right) -> String {
    let names: Vec<_> = roles.iter().filter(|r| may(**r, right)).map(|r| r.as_str()).collect();
    match names.split_last() {
        None => String::new(),
        Some((last, [])) => (*last).to_owned(),
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
    }
}

/// Why a role may not: the sentence names those that may.
pub fn refusal(role: Role, right: Right) -> String {
    let which = |roles: &[Role]| allowed(roles, right);
    if !Role::TOKENS.contains(&role) {
        return format!("this takes the role {}; this login has the role {}", which(&Role::PEOPLE), role.as_str());
    }
    let scopes = which(&Role::TOKENS);
    if scopes.is_empty() {
        format!("this takes a login of the role {}; no token may do it", which(&Role::PEOPLE))
    } else {
        format!("this takes a token with the scope {scopes}; this one has the scope {}", role.as_str())
    }
}

/// Why a token may not do what its scope allows: who made it may not any more.
pub fn outlived(maker: Role, right: Right) -> String {
    let takes = allowed(&Role::PEOPLE, right);
    format!("this takes the role {takes} of the one who made the token, too; he has the role {} now", maker.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `x`: may. A further role or right does not fit in until it is said here.
    const TABLE: &str = "
        right                  viewer operator supervisor engineer administrator read act feedback configure
        see                    x      x        x          x        x             x    x   -        x
        feedback               -      x        x          -        x             -    x   x        -
        act                    -      x        x          -        x             -    x   -        -
        act_over_others        -      -        x          -        x             -    -   -        -
        hand_over              -      x        x          -        x             -    -   -        -
        hand_over_for_others   -      -        x          -        x             -    -   -        -
        numbers                -      -        x          -        x             -    -   -        -
        configure              -      -        -          x        x             -    -   -        x
        people                 -      -        -          -        x             -    -   -        -
        audit                  -      -        -          -        x             -    -   -        -";

    #[test]
    fn every_role_may_what_the_table_says() {
        let mut lines = TABLE.lines().map(str::trim).filter(|l| !l.is_empty());
        let all: Vec<Role> = Role::PEOPLE.into_iter().chain(Role::TOKENS).collect();
        let roles: Vec<&str> = lines.next().unwrap().split_whitespace().skip(1).collect();
        assert_eq!(roles, all.iter().map(|r| r.as_str()).collect::<Vec<_>>());
        let lines: Vec<&str> = lines.collect();
        assert_eq!(lines.len(), Right::ALL.len());
        for (line, right) in lines.into_iter().zip(Right::ALL) {
            let mut words = line.split_whitespace();
            assert_eq!(serde_json::to_value(right).unwrap(), words.next().unwrap());
            for (role, sign) in all.iter().zip(words) {
                assert_eq!(may(*role, right), sign == "x", "{} {right:?}", role.as_str());
            }
        }
    }

    #[test]
    fn names_are_read_as_they_are_written_and_people_and_tokens_are_apart() {
        for role in Role::PEOPLE {
            assert_eq!((Role::of_person(role.as_str()), Role::of_token(role.as_str())), (Some(role), None));
        }
        for scope in Role::TOKENS {
            assert_eq!((Role::of_person(scope.as_str()), Role::of_token(scope.as_str())), (None, Some(scope)));
        }
        assert_eq!(Role::of_person("root"), None);
    }

    #[test]
    fn a_refusal_says_which_role_may() {
        let say = |role, right| refusal(role, right);
        assert_eq!(
            say(Role::Viewer, Right::Act),
            "this takes the role operator, supervisor or administrator; this login has the role viewer"
        );
        assert_eq!(
            say(Role::Engineer, Right::People),
            "this takes the role administrator; this login has the role engineer"
        );
        assert_eq!(
            say(Role::Reader, Right::Feedback),
            "this takes a token with the scope act or feedback; this one has the scope read"
        );
        assert_eq!(say(Role::Actor, Right::Audit), "this takes a login of the role administrator; no token may do it");
    }
}
