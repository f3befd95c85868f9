//! Reading who did what. For those who see everything: a record does not say in which area it was.

use super::{AuditProof, Auth, AuthError, Login, Right};
use crate::store::{
    audit::{AuditKey, AuditQuery},
    users::AuditRow,
};

impl Auth {
    pub fn audits(&self, login: &Login) -> Result<AuditProof, AuthError> {
        login.needs(Right::Audit)?;
        login.sees_all()?;
        Ok(AuditProof::new(login.user.clone()))
    }

    /// A page of the record, newest first. What was done before the question is in it.
    pub async fn audited(&self, _: &AuditProof, query: &AuditQuery) -> Result<Vec<(AuditKey, AuditRow)>, AuthError> {
        self.audit.flush().await;
        Ok(self.users.audit_page(query).await?)
    }
}
