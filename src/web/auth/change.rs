//! Who may change the configuration, and what of it.
//!
//! A login that is limited to areas changes channels and areas inside them, and hangs nothing elsewhere; what all share
//! (credentials, rules, timetables, imports, taking back) is for those who see everything. A channel of such a login may use a credential
//! only if one of its areas does so already: whoever can point a channel anywhere can have its password sent there.
//!
//! Where a thing hangs is read off what the change is made from. What runs may be a moment behind it: what was moved away
//! in that moment would be changed by whom it is no more.

use std::collections::{HashMap, HashSet};

use super::{Areas, Auth, AuthError, EditProof, Login, ManageProof, Right};
use crate::{
    config::{AreaPaths, Channel, Config},
    inventory::{Op, merged},
    types::{AreaId, ChannelId, CredentialId},
    web::ports::configuration::Held,
};

/// What was asked so far: many wishes name the same few areas and credentials, and the first that is bad ends it.
#[derive(Default)]
struct Known {
    areas: HashSet<Option<AreaId>>,
    credentials: HashSet<CredentialId>,
}

/// Where things hang.
struct Tree<'a> {
    paths: AreaPaths<'a>,
    channels: HashMap<&'a ChannelId, &'a Channel>,
}

impl<'a> Tree<'a> {
    fn of(config: &'a Config) -> Self {
        Self { paths: config.area_paths(), channels: config.channel.iter().map(|c| (&c.id, c)).collect() }
    }

    /// Ids from the root of the tree.
    fn channel(&self, id: &ChannelId) -> Option<Vec<AreaId>> {
        self.channels.get(id).map(|channel| self.paths.of(channel))
    }

    fn area(&self, id: &AreaId) -> Option<Vec<AreaId>> {
        Some(self.paths.to(id)).filter(|path| !path.is_empty())
    }

    /// Whether a channel that this login sees uses the credential.
    fn shows_credential(&self, login: &Login, id: &CredentialId) -> bool {
        let mut users = self.channels.values().filter(|c| c.credential.as_ref() == Some(id));
        users.any(|channel| login.areas.cover(&self.paths.of(channel)))
    }
}

impl Login {
    pub fn may_configure(&self) -> bool {
        self.may(Right::Configure)
    }
}

impl Auth {
    /// Changing channels, areas and credentials of what is held: each of the wishes, or none.
    pub fn edit(&self, login: &Login, held: &Held, ops: Vec<Op>) -> Result<EditProof, AuthError> {
        self.configures(login)?;
        if login.areas != Areas::All {
            let newest = merged((*held.file).clone(), &held.stored).config;
            let (tree, mut known) = (Tree::of(&newest), Known::default());
            for op in &ops {
                self.inside(login, &tree, op, &mut known)?;
            }
        }
        Ok(EditProof::new(login.user.clone(), ops))
    }

    /// Changing everything at once, and seeing who changed what.
    pub fn manage(&self, login: &Login) -> Result<ManageProof, AuthError> {
        self.configures(login)?;
        login.sees_all()?;
        Ok(ManageProof::new(login.user.clone()))
    }

    /// Refuses roles that may not change the configuration, whatever it is about.
    pub fn configures(&self, login: &Login) -> Result<(), AuthError> {
        login.needs(Right::Configure)
    }

    /// Whether a login may see that a credential is there: one of its channels uses it.
    pub fn sees_credential(&self, login: &Login, id: &CredentialId) -> bool {
        login.areas == Areas::All || self.places.users_of(id).iter().any(|path| login.areas.cover(path))
    }

    fn inside(&self, login: &Login, tree: &Tree<'_>, op: &Op, known: &mut Known) -> Result<(), AuthError> {
        match op {
            Op::PutChannel(channel) => {
                if let Some(path) = tree.channel(&channel.id) {
                    covered(login, &path, "channel")?;
                }
                if known.areas.insert(channel.area.clone()) {
                    onto(login, tree, channel.area.as_ref())?;
                }
                match &channel.credential {
                    Some(id) if known.credentials.insert(id.clone()) && !tree.shows_credential(login, id) => {
                        Err(AuthError::NotFound("credential"))
                    }
                    _ => Ok(()),
                }
            }
            Op::RemoveChannel(id) => {
                covered(login, &tree.channel(id).ok_or(AuthError::NotFound("channel"))?, "channel")
            }
            Op::PutArea(area) => match tree.area(&area.id) {
                None => onto(login, tree, area.parent.as_ref()),
                Some(path) => {
                    covered(login, &path, "area")?;
                    // The top of what is the login's own stays where it is.
                    let stays = path.iter().rev().nth(1) == area.parent.as_ref();
                    if stays { Ok(()) } else { onto(login, tree, area.parent.as_ref()) }
                }
            },
            Op::RemoveArea(id) => covered(login, &tree.area(id).ok_or(AuthError::NotFound("area"))?, "area"),
            // A rule is for channels by tag or area, and a timetable for rules: of whomever.
            Op::PutCredential { .. }
            | Op::RemoveCredential(_)
            | Op::PutRule(_)
            | Op::RemoveRule(_)
            | Op::PutTimetable(_)
            | Op::RemoveTimetable(_) => self.manage(login).map(drop),
        }
    }
}

/// Hanging something on an area.
fn onto(login: &Login, tree: &Tree<'_>, area: Option<&AreaId>) -> Result<(), AuthError> {
    let Some(area) = area else {
        return Err(AuthError::Forbidden("this login is limited to areas; name one of them with area".into()));
    };
    covered(login, &tree.area(area).ok_or(AuthError::NotFound("area"))?, "area")
}

fn covered(login: &Login, path: &[AreaId], what: &'static str) -> Result<(), AuthError> {
    if login.areas.cover(path) { Ok(()) } else { Err(AuthError::NotFound(what)) }
}
