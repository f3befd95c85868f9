//! The inventory on a real file: edits, their history, taking back, keys, and more than one writer.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use super::*;
use crate::config::{self, Channel, Config};
use crate::types::{AreaId, ChannelId, Clock, CredentialId, Secret};

fn file(dir: &Path, rest: &str) -> Config {
    config::parse("test.toml", &format!("[node]\ndata_dir = \"{}\"\n{rest}", dir.display())).unwrap()
}

async fn open(config: &Config) -> Inventory {
    Inventory::open(config, Clock::start()).await.unwrap()
}

fn channel(id: &str, host: &str) -> Channel {
    Channel { id: ChannelId::new(id).unwrap(), url: format!("rtsp://{host}/stream2"), ..record::blank_channel() }
}

fn put(channel: Channel) -> Op {
    Op::PutChannel(Box::new(channel))
}

fn area(id: &str, parent: Option<&str>) -> Op {
    let parent = parent.map(|p| AreaId::new(p).unwrap());
    Op::PutArea(record::blank_area(AreaId::new(id).unwrap(), id.to_uppercase(), config::AreaKind::Grid, parent))
}

fn login(id: &str, password: &str) -> Op {
    Op::PutCredential {
        id: CredentialId::new(id).unwrap(),
        username: "admin".into(),
        password: Some(Secret::new(password)),
    }
}

fn edit(ops: Vec<Op>) -> Edit {
    Edit { ops, author: "ann".into(), source: Source::Api, summary: String::new(), expect: Expect::Anything }
}

fn refusals(error: InventoryError) -> Vec<Refusal> {
    match error {
        InventoryError::Refused(refused) => refused,
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn an_edit_is_a_revision_and_an_edit_of_nothing_is_none() {
    let dir = tempfile::tempdir().unwrap();
    let config = file(dir.path(), "");
    assert!(Inventory::open_existing(&config, Clock::start()).await.unwrap().is_none());
    let inventory = open(&config).await;
    assert_eq!(inventory.rev().await.unwrap(), 0);
    for name in ["", "-wal", "-shm"] {
        let mode = std::fs::metadata(dir.path().join(format!("inventory.db{name}"))).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "inventory.db{name} is nobody else's");
    }
    let ops = vec![area("d", None), login("cam", "s3cret"), put(channel("a", "10.0.0.1"))];
    let done = inventory.edit(&config, edit(ops.clone())).await.unwrap();
    assert_eq!((done.rev, done.changes.len()), (1, 3));
    let again = inventory.edit(&config, edit(ops)).await.unwrap();
    assert_eq!((again.rev, again.changes.len()), (1, 0), "the same once more");
    let moved = Channel {
        area: Some(AreaId::new("d").unwrap()),
        credential: Some(CredentialId::new("cam").unwrap()),
        ..channel("a", "10.0.0.1")
    };
    inventory.edit(&config, edit(vec![put(moved.clone())])).await.unwrap();
    let (revision, changes) = inventory.revision(2).await.unwrap();
    assert_eq!((revision.author.as_str(), revision.changed, revision.source), ("ann", 1, Source::Api));
    let fields: Vec<_> = changes[0].fields.iter().map(|f| f.field.as_str()).collect();
    assert_eq!(fields, ["area", "credential"]);
    // Another handle, as another process has it, reads the same.
    let other = open(&config).await;
    let snapshot = other.snapshot().await.unwrap();
    assert_eq!(snapshot.channel("a").unwrap().value, moved);
    assert_eq!(snapshot.credential("cam").unwrap().password.as_ref().unwrap().expose(), "s3cret");
    let revisions: Vec<_> = other.revisions(None, 10).await.unwrap().iter().map(|r| r.rev).collect();
    assert_eq!(revisions, [2, 1]);
    assert_eq!(other.revisions(Some(2), 10).await.unwrap().len(), 1);
}

#[tokio::test]
async fn what_an_edit_may_not_do_is_refused_whole() {
    let dir = tempfile::tempdir().unwrap();
    let config = file(
        dir.path(),
        "[[channel]]\nid = \"fixed\"\nurl = \"rtsp://10.0.0.9/\"\nexternal_id = \"900\"\n[[area]]\nid = \"top\"\nname = \"T\"\nkind = \"district\"\n",
    );
    let inventory = open(&config).await;
    let good = Channel { area: Some(AreaId::new("top").unwrap()), ..channel("good", "10.0.0.1") };
    let wrong = [
        put(Channel { url: "rtsp://u:p4ss@10.0.0.1/".into(), ..channel("a", "x") }),
        put(channel("b", "169.254.169.254")),
        put(channel("c", "127.0.0.1")),
        put(Channel { name: "=cmd()".into(), ..channel("d", "10.0.0.2") }),
        put(Channel { lat: Some(22.0), ..channel("e", "10.0.0.2") }),
        put(Channel { area: Some(AreaId::new("nowhere").unwrap()), ..channel("f", "10.0.0.2") }),
        put(Channel { credential: Some(CredentialId::new("none").unwrap()), ..channel("g", "10.0.0.2") }),
        put(Channel { external_id: "900".into(), ..channel("h", "10.0.0.2") }),
        put(channel("fixed", "10.0.0.2")),
        put(Channel { tags: vec!["Not A Tag".into()], ..channel("i", "10.0.0.2") }),
        area("j", Some("nowhere")),
        area("k", Some("k")),
    ];
    for op in wrong {
        let refused = refusals(inventory.edit(&config, edit(vec![put(good.clone()), op.clone()])).await.unwrap_err());
        assert_eq!(refused.len(), 1, "{op:?}: {refused:?}");
        assert!(!format!("{refused:?}").contains("p4ss"));
        assert_eq!(inventory.rev().await.unwrap(), 0, "nothing is written by halves");
    }
    let none = inventory.edit(&config, edit(vec![Op::RemoveChannel(ChannelId::new("zz").unwrap())])).await;
    assert!(matches!(none, Err(InventoryError::NotFound(_))));
}

#[tokio::test]
async fn what_others_hang_on_stays() {
    let dir = tempfile::tempdir().unwrap();
    let config = file(dir.path(), "");
    let inventory = open(&config).await;
    let on = Channel {
        area: Some(AreaId::new("below").unwrap()),
        credential: Some(CredentialId::new("cam").unwrap()),
        ..channel("a", "10.0.0.1")
    };
    let ops = vec![area("top", None), area("below", Some("top")), login("cam", "x"), put(on)];
    inventory.edit(&config, edit(ops)).await.unwrap();
    for (op, needle) in [
        (Op::RemoveArea(AreaId::new("top").unwrap()), "1 areas and 0 channels"),
        (Op::RemoveArea(AreaId::new("below").unwrap()), "0 areas and 1 channels"),
        (Op::RemoveCredential(CredentialId::new("cam").unwrap()), "1 channels use it"),
    ] {
        let refused = refusals(inventory.edit(&config, edit(vec![op])).await.unwrap_err());
        assert!(refused[0].reason.contains(needle), "{refused:?}");
    }
    // All of it together may go.
    let all = vec![
        Op::RemoveChannel(ChannelId::new("a").unwrap()),
        Op::RemoveArea(AreaId::new("top").unwrap()),
        Op::RemoveArea(AreaId::new("below").unwrap()),
        Op::RemoveCredential(CredentialId::new("cam").unwrap()),
    ];
    inventory.edit(&config, edit(all)).await.unwrap();
    let snapshot = inventory.snapshot().await.unwrap();
    assert!(snapshot.channels.is_empty() && snapshot.areas.is_empty() && snapshot.credentials.is_empty());
    assert!(snapshot.used.contains(&(Kind::Channel, "a".into())), "its id is remembered");
}

#[tokio::test]
async fn a_revision_is_taken_back_while_nothing_has_touched_it() {
    let dir = tempfile::tempdir().unwrap();
    let config = file(dir.path(), "");
    let inventory = open(&config).await;
    let named = |name: &str| Channel { name: name.into(), ..channel("a", "10.0.0.1") };
    inventory
        .edit(&config, edit(vec![put(named("one")), put(channel("b", "10.0.0.2")), login("cam", "old")]))
        .await
        .unwrap();
    inventory.edit(&config, edit(vec![put(named("two")), login("cam", "new")])).await.unwrap();
    let error = inventory.undo(&config, 1, "bob", Source::Undo).await.unwrap_err();
    let InventoryError::Conflict { sentence, rev } = error else { panic!("{error}") };
    assert_eq!(rev, 2);
    assert!(sentence.contains("'a'") && sentence.contains("revision 2") && sentence.contains("1 more"), "{sentence}");
    let done = inventory.undo(&config, 2, "bob", Source::Undo).await.unwrap();
    assert_eq!((done.rev, done.changes.len()), (3, 2));
    let snapshot = inventory.snapshot().await.unwrap();
    assert_eq!(snapshot.channel("a").unwrap().value.name, "one");
    assert_eq!(snapshot.credential("cam").unwrap().password.as_ref().unwrap().expose(), "old");
    let (revision, _) = inventory.revision(2).await.unwrap();
    assert_eq!(revision.undone_by, Some(3));
    let twice = inventory.undo(&config, 2, "bob", Source::Undo).await.unwrap_err().to_string();
    assert!(twice.contains("revision 3"), "{twice}");
    // What the first one made is as it made it again, so that it can go now.
    inventory.undo(&config, 1, "bob", Source::Undo).await.unwrap();
    assert!(inventory.snapshot().await.unwrap().channels.is_empty());
    assert!(matches!(inventory.undo(&config, 99, "bob", Source::Undo).await, Err(InventoryError::NotFound(_))));
}

#[tokio::test]
async fn who_knows_an_older_state_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let config = file(dir.path(), "");
    let inventory = open(&config).await;
    inventory.edit(&config, edit(vec![put(channel("a", "10.0.0.1")), put(channel("b", "10.0.0.2"))])).await.unwrap();
    let name = |id: &str, name: &str| Channel {
        name: name.into(),
        ..channel(id, if id == "a" { "10.0.0.1" } else { "10.0.0.2" })
    };
    inventory.edit(&config, edit(vec![put(name("a", "x"))])).await.unwrap();
    let of = |op, expect| Edit { expect, ..edit(vec![op]) };
    let stale = inventory.edit(&config, of(put(name("a", "y")), Expect::Untouched(1))).await.unwrap_err();
    assert!(stale.to_string().contains("'a' was changed by revision 2"), "{stale}");
    let stale = inventory.edit(&config, of(put(name("b", "y")), Expect::Exactly(1))).await.unwrap_err();
    assert!(matches!(stale, InventoryError::Conflict { rev: 2, .. }));
    inventory.edit(&config, of(put(name("b", "y")), Expect::Untouched(1))).await.expect("nobody touched b");
}

#[tokio::test]
async fn without_the_right_key_only_what_needs_it_fails() {
    let dir = tempfile::tempdir().unwrap();
    let config = file(dir.path(), "");
    let inventory = open(&config).await;
    let with = Channel { credential: Some(CredentialId::new("cam").unwrap()), ..channel("a", "10.0.0.1") };
    inventory
        .edit(&config, edit(vec![login("cam", "s3cret"), put(with), put(channel("b", "10.0.0.2"))]))
        .await
        .unwrap();
    let key = dir.path().join("inventory.key");
    let right = std::fs::read(&key).unwrap();
    let trouble = || async {
        let snapshot = open(&config).await.snapshot().await.unwrap();
        let merged = merged(config.clone(), &snapshot);
        assert_eq!(merged.config.channel.len(), 2);
        assert!(merged.notes.iter().any(|n| n.contains("'cam'")), "{:?}", merged.notes);
        merged.config.credential[0].read_password().unwrap_err().to_string()
    };
    std::fs::remove_file(&key).unwrap();
    assert!(trouble().await.contains("is missing"));
    let error = open(&config).await.edit(&config, edit(vec![login("new", "x")])).await.unwrap_err();
    assert!(error.to_string().contains("is missing"), "no second key is made beside sealed passwords: {error}");
    crate::config::secret_file::read_or_create(&key).unwrap();
    assert!(trouble().await.contains("another key"));
    std::fs::write(&key, right).unwrap();
    let merged = merged(config.clone(), &inventory.snapshot().await.unwrap());
    assert_eq!(merged.config.credential[0].read_password().unwrap().expose(), "s3cret");
    // No password lies in the files in clear.
    for entry in std::fs::read_dir(dir.path()).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        assert!(!bytes.windows(6).any(|w| w == b"s3cret"));
    }
}

#[tokio::test]
async fn the_file_wins_where_both_say_something() {
    let dir = tempfile::tempdir().unwrap();
    let empty = file(dir.path(), "");
    let inventory = open(&empty).await;
    let on = Channel { area: Some(AreaId::new("x").unwrap()), ..channel("a", "10.0.0.1") };
    inventory.edit(&empty, edit(vec![area("x", None), put(on), put(channel("b", "10.0.0.2"))])).await.unwrap();
    let config = file(dir.path(), "[[channel]]\nid = \"b\"\nurl = \"rtsp://10.0.0.9/\"\n");
    let snapshot = inventory.snapshot().await.unwrap();
    let merged = merged(config.clone(), &snapshot);
    assert_eq!(merged.shadowed, ["channel b"]);
    let urls: Vec<_> = merged.config.channel.iter().map(|c| c.url.as_str()).collect();
    assert_eq!(urls, ["rtsp://10.0.0.9/", "rtsp://10.0.0.1/stream2"]);
    assert_eq!(merged.config.area_path(&merged.config.channel[1]).len(), 1);
    // What a rule of the file names may stand in the inventory.
    let text = "[[rule]]\nid = \"r\"\ntype = \"presence\"\nchannels = [\"a\", \"gone\"]\n";
    let path = dir.path().join("c.toml");
    std::fs::write(&path, format!("[node]\ndata_dir = \"{}\"\n{text}", dir.path().display())).unwrap();
    let notes = super::merged(config::load(&path).unwrap(), &snapshot).notes;
    assert!(notes.len() == 1 && notes[0].contains("'gone'"), "{notes:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_writers_lose_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let config = file(dir.path(), "");
    let tasks: Vec<_> = (0..4)
        .map(|writer| {
            let config = config.clone();
            tokio::spawn(async move {
                // Each with its own handle, as processes have.
                let inventory = open(&config).await;
                for n in 0..5 {
                    let op = put(channel(&format!("w{writer}-{n}"), &format!("10.0.{writer}.{n}")));
                    let mut tries = 0;
                    while let Err(e) = inventory.edit(&config, edit(vec![op.clone()])).await {
                        tries += 1;
                        assert!(matches!(e, InventoryError::Busy { .. }) && tries < 50, "{e}");
                    }
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let inventory = open(&config).await;
    assert_eq!(inventory.snapshot().await.unwrap().channels.len(), 20);
    assert_eq!(inventory.rev().await.unwrap(), 20);
}

#[tokio::test]
async fn a_newer_programs_file_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let config = file(dir.path(), "");
    let inventory = open(&config).await;
    sqlx::query(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
         VALUES (9000, 'later', 1, x'00', 0)",
    )
    .execute(&inventory.pool)
    .await
    .unwrap();
    inventory.close().await;
    let error = Inventory::open(&config, Clock::start()).await.err().unwrap();
    assert!(matches!(error, InventoryError::Newer { version: 9000, .. }), "{error}");
}

#[tokio::test]
async fn a_file_that_is_no_database_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let config = file(dir.path(), "");
    std::fs::write(dir.path().join(config::INVENTORY), vec![0x5a; 8192]).unwrap();
    let error = Inventory::open(&config, Clock::start()).await.err().unwrap().to_string();
    assert!(error.contains("inventory.db"), "{error}");
}

fn rule(text: &str) -> Op {
    Op::PutRule(Box::new(toml::from_str(text).unwrap()))
}

#[tokio::test]
async fn rules_and_timetables_are_stored_compared_and_taken_back_like_anything_else() {
    let dir = tempfile::tempdir().unwrap();
    let config = file(
        dir.path(),
        "[[channel]]\nid = \"a\"\nurl = \"rtsp://10.0.0.1/\"\n[[rule]]\nid = \"f\"\ntype = \"presence\"\nchannels = [\"a\"]\n",
    );
    let inventory = open(&config).await;
    let nights: config::Timetable = toml::from_str("id = \"nights\"\nweekly = [\"18:00-08:00\"]").unwrap();
    let crowd = "id = \"r\"\ntype = \"crowd\"\nchannels = [\"a\"]\nmin_count = 7\ntimetable = \"nights\"";
    let ops = vec![rule(crowd), Op::PutTimetable(nights)];
    let done = inventory.edit(&config, edit(ops.clone())).await.unwrap();
    assert_eq!(done.changes.len(), 2);
    assert_eq!(inventory.edit(&config, edit(ops)).await.unwrap().changes.len(), 0, "the same once more");
    let (_, changes) = inventory.revision(1).await.unwrap();
    let fields: Vec<_> = changes[0].fields.iter().map(|f| f.field.as_str()).collect();
    assert_eq!(fields, ["channels", "min_count", "timetable", "type"], "what it has beyond the usual");

    inventory.edit(&config, edit(vec![rule(&crowd.replace('7', "9"))])).await.unwrap();
    let of: Vec<_> = inventory.revisions_of(Kind::Rule, "r", None, 10).await.unwrap();
    assert_eq!(of.iter().map(|(r, c)| (r.rev, c.fields.len())).collect::<Vec<_>>(), [(2, 1), (1, 4)]);
    inventory.undo(&config, 2, "bob", Source::Undo).await.unwrap();
    // As another process reads it.
    let snapshot = open(&config).await.snapshot().await.unwrap();
    assert_eq!(snapshot.rule("r").unwrap().value.min_count, Some(7));
    let running = merged(config.clone(), &snapshot).config;
    assert_eq!(running.rule.iter().map(|r| r.id.as_str()).collect::<Vec<_>>(), ["f", "r"]);
    assert_eq!(running.timetable.len(), 1);
}

#[tokio::test]
async fn what_a_rule_may_not_say_is_refused_and_nothing_goes_that_it_names() {
    let dir = tempfile::tempdir().unwrap();
    let config = file(dir.path(), "[[rule]]\nid = \"f\"\ntype = \"presence\"\nchannels = [\"*\"]\n");
    let inventory = open(&config).await;
    let nights: config::Timetable = toml::from_str("id = \"nights\"").unwrap();
    let id = nights.id.clone();
    let ops = vec![
        area("d", None),
        put(channel("a", "10.0.0.1")),
        Op::PutTimetable(nights),
        rule("id = \"r\"\ntype = \"presence\"\nareas = [\"d\"]\ntimetable = \"nights\""),
    ];
    inventory.edit(&config, edit(ops)).await.unwrap();
    for (op, kind, needle) in [
        (rule("id = \"f\"\ntype = \"presence\"\nchannels = [\"*\"]"), Kind::Rule, "configuration file"),
        (rule("id = \"x\"\ntype = \"line\"\nchannels = [\"a\"]\nlines = [\"gate\"]"), Kind::Rule, "gate"),
        (rule("id = \"x\"\ntype = \"presence\"\nchannels = [\"b\"]"), Kind::Rule, "'b'"),
        (Op::RemoveTimetable(id), Kind::Timetable, "1 rules go by it"),
        (Op::RemoveArea(AreaId::new("d").unwrap()), Kind::Area, "1 rules are for it"),
    ] {
        let refused = refusals(inventory.edit(&config, edit(vec![op])).await.unwrap_err());
        assert!(refused[0].kind == kind && refused[0].reason.contains(needle), "{needle}: {refused:?}");
    }
    // A rule and the channel that it names may come together.
    let both = vec![put(channel("b", "10.0.0.2")), rule("id = \"x\"\ntype = \"presence\"\nchannels = [\"b\"]")];
    inventory.edit(&config, edit(both)).await.unwrap();
}
