//! Who may hand a position over, and take it: who sees all that it answers for. A handover holds rows and numbers of
//! all of it, so a part of it is not enough. Two people sign, so no program does: it is the one who made its token.

use super::{Areas, Auth, AuthError, HandoverProof, Login, PositionProof, Right, SignProof};
use crate::{types::PositionId, web::ports::Reach};

impl Areas {
    /// Whether all of a position's reach may be seen.
    fn cover_all(&self, reach: &Reach) -> bool {
        match (self, reach) {
            (Areas::All, _) => true,
            (Areas::Subtrees(_), Reach::Rest) => false,
            (Areas::Subtrees(_), Reach::Areas(paths)) => !paths.is_empty() && paths.iter().all(|p| self.cover(p)),
        }
    }
}

impl Auth {
    /// Writing a handover of a position, and signing it.
    pub fn hand_over(&self, login: &Login, id: &PositionId) -> Result<PositionProof, AuthError> {
        login.needs(Right::HandOver)?;
        self.position(login, id)
    }

    /// Reading what would be handed over.
    pub fn position(&self, login: &Login, id: &PositionId) -> Result<PositionProof, AuthError> {
        login.needs(Right::Act)?;
        let reach = self.places.position(id).filter(|reach| login.areas.cover_all(reach));
        let reach = reach.ok_or(AuthError::NotFound("position"))?;
        Ok(PositionProof::new(id.clone(), reach, login.user.clone()))
    }

    /// Reading a handover.
    pub async fn handover(&self, login: &Login, id: i64) -> Result<HandoverProof, AuthError> {
        match self.places.handover(id).await? {
            Some(place)
                if login.areas.cover_all(&place.reach)
                    && place.draft_of.as_ref().is_none_or(|author| *author == login.user) =>
            {
                Ok(HandoverProof::new(id))
            }
            _ => Err(AuthError::NotFound("handover")),
        }
    }

    /// Taking a handover over, or back.
    pub async fn sign(&self, login: &Login, id: i64) -> Result<SignProof, AuthError> {
        login.needs(Right::HandOver)?;
        let proof = self.handover(login, id).await?;
        Ok(SignProof::new(proof.handover(), login.user.clone(), login.may(Right::HandOverForOthers)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::AreaId;

    fn path(ids: &[&str]) -> Vec<AreaId> {
        ids.iter().map(|id| AreaId::new(id).unwrap()).collect()
    }

    #[test]
    fn a_position_is_handed_over_by_who_sees_all_of_it() {
        let north = Areas::Subtrees(path(&["north"]));
        let both = Reach::Areas(vec![path(&["city", "north"]), path(&["city", "south"])]);
        assert!(north.cover_all(&Reach::Areas(vec![path(&["city", "north"]), path(&["city", "north", "grid"])])));
        assert!(!north.cover_all(&both), "half of it is not enough");
        assert!(!north.cover_all(&Reach::Areas(vec![path(&["city"])])));
        assert!(!north.cover_all(&Reach::Rest) && !north.cover_all(&Reach::Areas(vec![])));
        assert!(Areas::All.cover_all(&Reach::Rest) && Areas::All.cover_all(&both));
    }
}
