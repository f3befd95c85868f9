//! Who viewed, changed or tried what: one line in the log at once, one row in the database soon after.
//!
//! Rows go through a bounded queue to one task that writes them in batches, so that a page of thirty snapshots costs one
//! commit. A full queue makes the caller wait; a database that does not answer loses rows, counted, and the log still
//! has them.

use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use crate::{
    store::users::{AuditRow, Users},
    types::{AlertId, Wall, payload::AlertAction},
};

const QUEUE: usize = 1024;
const BATCH: usize = 128;
/// A batch that cannot be written within this time is given up.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);

enum Job {
    Row(AuditRow),
    Flush(oneshot::Sender<()>),
}

/// What people did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deed {
    Login,
    LoginFailed,
    LoginRefused,
    Logout,
    PasswordChanged,
    PasswordReset,
    SnapshotViewed,
    LiveViewed,
    AlertAction,
    AlertsExported,
    Handover,
    Probe,
    Discovery,
    ConfigurationChanged,
    ConfigurationExported,
    UserAdded,
    UserChanged,
    UserRemoved,
    SessionsEnded,
    TokenMade,
    TokenRevoked,
    TokenRefused,
    AuditExported,
}

impl Deed {
    pub const ALL: [Deed; 23] = {
        use Deed as D;
        [
            D::Login,
            D::LoginFailed,
            D::LoginRefused,
            D::Logout,
            D::PasswordChanged,
            D::PasswordReset,
            D::SnapshotViewed,
            D::LiveViewed,
            D::AlertAction,
            D::AlertsExported,
            D::Handover,
            D::Probe,
            D::Discovery,
            D::ConfigurationChanged,
            D::ConfigurationExported,
            D::UserAdded,
            D::UserChanged,
            D::UserRemoved,
            D::SessionsEnded,
            D::TokenMade,
            D::TokenRevoked,
            D::TokenRefused,
            D::AuditExported,
        ]
    };

    pub fn as_str(self) -> &'static str {
        match self {
            Deed::Login => "login",
            Deed::LoginFailed => "login_failed",
            Deed::LoginRefused => "login_refused",
            Deed::Logout => "logout",
            Deed::PasswordChanged => "password_changed",
            Deed::PasswordReset => "password_reset",
            Deed::SnapshotViewed => "snapshot_viewed",
            Deed::LiveViewed => "live_viewed",
            Deed::AlertAction => "alert_action",
            Deed::AlertsExported => "alerts_exported",
            Deed::Handover => "handover",
            Deed::Probe => "probe",
            Deed::Discovery => "discovery",
            Deed::ConfigurationChanged => "configuration_changed",
            Deed::ConfigurationExported => "configuration_exported",
            Deed::UserAdded => "user_added",
            Deed::UserChanged => "user_changed",
            Deed::UserRemoved => "user_removed",
            Deed::SessionsEnded => "sessions_ended",
            Deed::TokenMade => "token_made",
            Deed::TokenRevoked => "token_revoked",
            Deed::TokenRefused => "token_refused",
            Deed::AuditExported => "audit_exported",
        }
    }
}

/// What was done to an alert, as it stands on record; `said` is what the alert's history says of it.
pub fn acted(action: AlertAction, alert: AlertId, said: Option<String>) -> String {
    let said = said.map_or(String::new(), |said| format!(": {said}"));
    format!("{} {alert}{said}", action.as_str())
}

/// Cheap to clone; the writing task ends with the last clone.
#[derive(Debug, Clone)]
pub struct Audit {
    tx: mpsc::Sender<Job>,
}

impl Audit {
    /// Starts the writing task on the current runtime.
    pub fn start(users: Users) -> Self {
        let (tx, rx) = mpsc::channel(QUEUE);
        tokio::spawn(write(users, rx));
        Self { tx }
    }

    pub async fn record(&self, at: Wall, user: &str, deed: Deed, what: &str, address: &str) {
        // Names that were tried are foreign text: bounded, and quoted by the log's formatter.
        let user: String = user.chars().take(64).collect();
        tracing::info!(target: "skyeye::audit", user = ?user, action = deed.as_str(), what, address);
        let row = AuditRow { at, user, action: deed.as_str().into(), what: what.into(), address: address.into() };
        if self.tx.send(Job::Row(row)).await.is_err() {
            metrics::counter!("skyeye_web_audit_lost_total").increment(1);
        }
    }

    /// Waits until everything recorded so far is written.
    pub async fn flush(&self) {
        let (tx, rx) = oneshot::channel();
        if self.tx.send(Job::Flush(tx)).await.is_ok() {
            // An error means that the task is gone: nothing left to wait for.
            rx.await.ok();
        }
    }
}

async fn write(users: Users, mut rx: mpsc::Receiver<Job>) {
    let mut jobs = Vec::with_capacity(BATCH);
    while rx.recv_many(&mut jobs, BATCH).await > 0 {
        let mut rows = Vec::new();
        let mut waiting = Vec::new();
        for job in jobs.drain(..) {
            match job {
                Job::Row(row) => rows.push(row),
                Job::Flush(tx) => waiting.push(tx),
            }
        }
        if !rows.is_empty() {
            let why = match tokio::time::timeout(WRITE_TIMEOUT, users.audit(&rows)).await {
                Ok(Ok(())) => None,
                Ok(Err(e)) => Some(e.to_string()),
                Err(_) => Some("the database did not answer within 10 s".to_owned()),
            };
            if let Some(why) = why {
                metrics::counter!("skyeye_web_audit_lost_total").increment(rows.len() as u64);
                tracing::error!("{} records of who did what stand only in the log: {why}", rows.len());
            }
        }
        for tx in waiting {
            tx.send(()).ok();
        }
    }
}
