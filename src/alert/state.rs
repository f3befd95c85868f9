//! The state machine of an alert, as one table.
//!
//! new -> acknowledged | closed (by the gateway itself); acknowledged -> dispatched | resolved | new (released);
//! dispatched -> resolved | acknowledged; resolved -> closed | acknowledged; closed is final.

use crate::types::{
    alert::By,
    payload::{AlertAction, AlertState},
};

/// Where an action leads; `None` if it is not possible from that state.
pub fn next(state: AlertState, action: AlertAction, by: By<'_>) -> Option<AlertState> {
    use AlertAction as A;
    use AlertState as S;
    match (state, action) {
        (S::New | S::Dispatched | S::Resolved, A::Acknowledge) => Some(S::Acknowledged),
        (S::Acknowledged, A::Release) => Some(S::New),
        (S::Acknowledged, A::Dispatch) => Some(S::Dispatched),
        (S::Acknowledged | S::Dispatched, A::Resolve) => Some(S::Resolved),
        (S::Resolved, A::Close) => Some(S::Closed),
        (S::New, A::Close) if by == By::Gateway => Some(S::Closed),
        _ => None,
    }
}

/// The actions that a user can take from a state, for sentences and buttons.
pub fn possible(state: AlertState) -> &'static [AlertAction] {
    use AlertAction as A;
    match state {
        AlertState::New => &[A::Acknowledge],
        AlertState::Acknowledged => &[A::Dispatch, A::Resolve, A::Release],
        AlertState::Dispatched => &[A::Resolve, A::Acknowledge],
        AlertState::Resolved => &[A::Close, A::Acknowledge],
        AlertState::Closed => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::UserId;

    const STATES: [AlertState; 5] =
        [AlertState::New, AlertState::Acknowledged, AlertState::Dispatched, AlertState::Resolved, AlertState::Closed];
    const ACTIONS: [AlertAction; 5] = [
        AlertAction::Acknowledge,
        AlertAction::Release,
        AlertAction::Dispatch,
        AlertAction::Resolve,
        AlertAction::Close,
    ];

    #[test]
    fn the_table_is_the_documented_one() {
        let user = UserId::new("li").unwrap();
        let mut edges = Vec::new();
        for from in STATES {
            for action in ACTIONS {
                if let Some(to) = next(from, action, By::User(&user)) {
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
                "dispatched resolve resolved",
                "resolved acknowledge acknowledged",
                "resolved close closed",
            ]
        );
        assert_eq!(next(AlertState::New, AlertAction::Close, By::Gateway), Some(AlertState::Closed));
    }

    #[test]
    fn what_is_called_possible_is() {
        let user = UserId::new("li").unwrap();
        for from in STATES {
            for action in ACTIONS {
                let can = next(from, action, By::User(&user)).is_some();
                assert_eq!(possible(from).contains(&action), can, "{from:?} {action:?}");
            }
            assert_eq!(AlertState::parse(from.as_str()), Some(from));
        }
    }
}
