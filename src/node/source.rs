//! The ledger as `publish` sees it, and commands that come from the broker.

use std::sync::Arc;

use tokio::sync::{mpsc, watch};

use crate::{
    node::ages::Ages,
    outbox::{AlertCommand, Ledger, LedgerError},
    publish::{IncomingCommand, Row, Source, SourceError},
    types::{Message, UserId, alert::Wish, payload::CommandPayload},
};

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

    async fn open_alerts(&self) -> Result<Vec<Message>, SourceError> {
        self.ledger.open_alerts().await.map_err(failed)
    }
}

/// What a command asks of the ledger.
pub fn alert_command(author: &UserId, command: CommandPayload) -> AlertCommand {
    AlertCommand {
        alert: command.alert,
        author: author.clone(),
        rev: command.rev,
        wish: Wish {
            action: command.action,
            note: command.note,
            result: command.result,
            priority: command.priority,
            minutes: command.minutes,
            to: command.to,
        },
    }
}

/// Carries out what comes from the broker, one after the other; every command gets its result as a fact.
pub async fn commands(ledger: Ledger, mut incoming: mpsc::Receiver<IncomingCommand>) {
    let ledger = Arc::new(ledger);
    while let Some(IncomingCommand { user, request, command }) = incoming.recv().await {
        let command = command.map(|c| alert_command(&user, c));
        if let Err(e) = ledger.command(&user, &request, command).await {
            metrics::counter!("skyeye_node_commands_failed_total").increment(1);
            tracing::warn!(%user, "a command has no result: {e}");
        }
    }
}
