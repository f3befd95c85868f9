//! The state machine of an alert, as one table.
//!
//! new -> acknowledged | closed (by the gateway itself); acknowledged -> dispatched | resolved | new (released);
//! dispatched -> resolved | acknowledged (returned); resolved -> closed | acknowledged (reopened); closed is final, a
//! recurrence is a new alert that names it. Shelving, notes, feedback and priority leave the state as it is.

use crate::types::{
    alert::By,
    payload::{AlertAction, AlertState},
};

/// Where an action leads; `None` if it is not possible from that state.
pub fn next(state: AlertState, action: AlertAction, by: By<'_>) -> Option<AlertState> {
    use AlertAction as A;
    use AlertState as S;
    match (state, action) {
        (S::New | S::Dispatched | S::Resolved, A::Acknowledge)
        | (S::Dispatched, A::Return)
        | (S::Resolved, A::Reopen) => Some(S::Acknowledged),
        (S::Acknowledged, A::Release) => Some(S::New),
        (S::Acknowledged, A::Dispatch) => Some(S::Dispatched),
        (S::Acknowledged | S::Dispatched, A::Resolve) => Some(S::Resolved),
        (S::Resolved, A::Close) => Some(S::Closed),
        (S::New, A::Close) if by == By::Gateway => Some(S::Closed),
        (S::New | S::Acknowledged | S::Dispatched, A::Shelve | A::Unshelve | A::Priority) => Some(state),
        (S::New | S::Acknowledged | S::Dispatched | S::Resolved, A::Note) => Some(state),
        (S::Acknowledged | S::Dispatched | S::Resolved, A::Feedback) => Some(state),
        _ => None,
    }
}

/// The actions by which a user can change a state, for sentences and buttons.
pub fn possible(state: AlertState) -> &'static [AlertAction] {
    use AlertAction as A;
    match state {
        AlertState::New => &[A::Acknowledge],
        AlertState::Acknowledged => &[A::Dispatch, A::Resolve, A::Release],
        AlertState::Dispatched => &[A::Resolve, A::Return, A::Acknowledge],
        AlertState::Resolved => &[A::Close, A::Reopen, A::Acknowledge],
        AlertState::Closed => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::UserId;

    const STATES: [AlertState; 5] =
        [AlertState::New, AlertState::Acknowledged, AlertState::Dispatched, AlertState::Resolved, AlertState::Closed];

    #[test]
    fn the_table_is_the_documented_one() {
        let user = UserId::new("li").unwrap();
        let mut edges = Vec::new();
        for from in STATES {
            for action in AlertAction::ALL {
                if let Some(to) = next(from, action, By::User(&user)).filter(|to| *to != from) {
                    edges.push(format!("{} {} {}", from.as_str(), action.as_str(), to.as_str()));
                }
            }
        }
        assert_eq!(
            edges,
            [
                "new acknowledge acknowledged",
                "acknowledged release new",
                "acknowledged dispatch dispatched",
                "acknowledged resolve resolved",
                "dispatched acknowledge acknowledged",
                "dispatched return acknowledged",
                "dispatched resolve resolved",
                "resolved acknowledge acknowledged",
                "resolved reopen acknowledged",
                "resolved close closed",
            ]
        );
        assert_eq!(next(AlertState::New, AlertAction::Close, By::Gateway), Some(AlertState::Closed));
    }

    #[test]
    fn what_is_called_possible_is() {
        let user = UserId::new("li").unwrap();
        for from in STATES {
            for action in AlertAction::ALL {
                let moves = next(from, action, By::User(&user)).is_some_and(|to| to != from);
                assert_eq!(possible(from).contains(&action), moves, "{from:?} {action:?}");
                assert!(from != AlertState::Closed || next(from, action, By::User(&user)).is_none(), "final");
            }
            assert_eq!(AlertState::parse(from.as_str()), Some(from));
        }
    }
}
