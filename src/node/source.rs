//! The ledger as `publish` sees it, and commands that come from the broker.

use std::sync::Arc;

use tokio::sync::{mpsc, watch};

use crate::{
    config::Config,
    inventory::{self, Edit, Expect, Op, arm::armed},
    node::{Inner, ages::Ages},
    outbox::{AlertCommand, Ledger, LedgerError},
    publish::{Command, IncomingCommand, OpenAlerts, Row, Source, SourceError},
    types::{
        RuleId, UserId,
        alert::Wish,
        payload::{CommandPayload, RuleAction, RuleCommandPayload},
    },
    web::{
        AppState,
        auth::{ActProof, Auth, AuthError, Deed},
    },
};

/// Open alerts that are read at a time to be published again, each with its copies.
const ALERTS: usize = 64;

/// The durable queue behind the publisher.
pub struct LedgerSource {
    pub ledger: Ledger,
    pub ages: Arc<Ages>,
}

fn failed(e: LedgerError) -> SourceError {
    SourceError(e.to_string())
}

impl Source for LedgerSource {
    async fn pending(&self, after: i64, limit: usize) -> Result<Vec<Row>, SourceError> {
        let rows = self.ledger.pending(after, limit).await.map_err(failed)?;
        Ok(rows
            .into_iter()
            .map(|r| Row { cursor: r.cursor, topic: r.topic, payload: r.payload, retain: r.retain })
            .collect())
    }

    async fn acked(&self, cursors: Vec<i64>) -> Result<(), SourceError> {
        self.ages.acked(&cursors);
        self.ledger.acked(cursors).await.map_err(failed)
    }

    fn wake(&self) -> watch::Receiver<i64> {
        self.ledger.wake()
    }

    async fn open_alerts(&self, behind: i64) -> Result<OpenAlerts, SourceError> {
        let (messages, next) = self.ledger.open_alerts(behind, ALERTS).await.map_err(failed)?;
        Ok(OpenAlerts { messages, next })
    }
}

/// What a command asks of the ledger, as far as it was allowed.
pub fn alert_command(proof: &ActProof, command: CommandPayload) -> AlertCommand {
    AlertCommand {
        alert: proof.alert(),
        author: proof.author().clone(),
        over_others: proof.over_others(),
        rev: command.rev,
        wish: Wish {
            action: proof.action(),
            note: command.note,
            result: command.result,
            priority: command.priority,
            minutes: command.minutes,
            to: command.to,
        },
    }
}

/// Rule commands that wait for the one under way.
const ARMING: usize = 16;

/// Carries out what comes from the broker, in order; every command gets its result as a fact. A rule is armed when that is in
/// force, which may take seconds, so commands to rules have a queue of their own and keep no acknowledgement waiting.
pub async fn commands(inner: Arc<Inner>, web: AppState, mut incoming: mpsc::Receiver<IncomingCommand>) {
    let (to_arm, mut arming) = mpsc::channel::<(UserId, _, RuleCommandPayload)>(ARMING);
    let read = async {
        while let Some(IncomingCommand { user, request, command }) = incoming.recv().await {
            let command = match command {
                Ok(Command::Alert(command)) => allowed(web.auth(), &user, command).await.map(Some),
                Ok(Command::Rule(command)) => match to_arm.try_send((user.clone(), request.clone(), command)) {
                    Ok(()) => continue,
                    Err(_) => Err(format!("{ARMING} commands to rules wait already; send it again when they are done")),
                },
                Err(sentence) => Err(sentence),
            };
            answer(&inner, &user, &request, command).await;
        }
        drop(to_arm);
    };
    let arm_rules = async {
        while let Some((user, request, command)) = arming.recv().await {
            let done = arm(&inner, web.auth(), &user, &command).await;
            answer(&inner, &user, &request, done.map(|()| None)).await;
        }
    };
    tokio::join!(read, arm_rules);
}

async fn answer(inner: &Inner, user: &UserId, request: &str, command: Result<Option<AlertCommand>, String>) {
    if let Err(e) = inner.ledger.command(user, request, command).await {
        metrics::counter!("skyeye_node_commands_failed_total").increment(1);
        tracing::warn!(%user, "a command has no result: {e}");
    }
}

/// What the author's login may do to this alert. What could not be looked up is refused: its result says so, and it can be
/// sent again.
async fn allowed(auth: &Auth, user: &UserId, command: CommandPayload) -> Result<AlertCommand, String> {
    let proof = async {
        let login = auth.of_broker(user).await?;
        auth.act(&login, command.alert, command.action).await
    };
    match proof.await {
        Ok(proof) => Ok(alert_command(&proof, command)),
        Err(AuthError::NotFound(_)) => Err(format!("there is no alert {}", command.alert)),
        Err(e) => Err(e.to_string()),
    }
}

/// Arms or disarms a rule as an edit of the inventory, and waits until that is in force. Doing it twice is doing it once.
async fn arm(inner: &Inner, auth: &Auth, user: &UserId, command: &RuleCommandPayload) -> Result<(), String> {
    may_arm(auth, user).await?;
    let (rule, file) = (&command.rule, inner.stored.file());
    let existing = inner.stored.existing().await.map_err(|e| e.to_string())?;
    let Some(inventory) = existing else { return Err(absent(rule, &file)) };
    let snapshot = inventory.snapshot().await.map_err(|e| e.to_string())?;
    let Some(stored) = snapshot.rule(rule.as_str()) else { return Err(absent(rule, &file)) };
    if file.rule.iter().any(|r| r.id == *rule) {
        return Err(absent(rule, &file));
    }
    let on = command.action == RuleAction::Arm;
    let edit = Edit {
        ops: vec![Op::PutRule(Box::new(armed(&stored.value, &command.channels, on)))],
        author: user.to_string(),
        source: inventory::Source::Command,
        summary: String::new(),
        // Somebody else may be at the rule: what he wrote is not lost.
        expect: Expect::Untouched(snapshot.rev),
    };
    let done = inventory.edit(&file, edit).await.map_err(|e| e.to_string())?;
    let what = format!("revision {}: the rule '{rule}' {}", done.rev, if on { "armed" } else { "disarmed" });
    auth.audit().record(inner.clock.wall(), user.as_str(), Deed::ConfigurationChanged, &what, "").await;
    if !inner.stored.applied(done.rev).await {
        return Err("it is written, and not in force within ten seconds".into());
    }
    Ok(())
}

/// As the API asks of whoever changes rules: a login of the gateway of the same name that is limited to no areas. The
/// broker's own list says who may speak, not who may change what.
async fn may_arm(auth: &Auth, user: &UserId) -> Result<(), String> {
    let login = auth.of_broker(user).await.map_err(|e| e.to_string())?;
    auth.manage(&login).map(drop).map_err(|e| format!("'{user}' may not change rules: {e}"))
}

fn absent(rule: &RuleId, file: &Config) -> String {
    if file.rule.iter().any(|r| r.id == *rule) {
        return format!(
            "the rule '{rule}' stands in the configuration file, which only a person with access to it changes; a rule of \
             the inventory can be armed from here"
        );
    }
    format!("there is no rule '{rule}'")
}
