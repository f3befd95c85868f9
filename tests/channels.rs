//! `skyeye channels` on real files: lists as integrators bring them, hostile ones, taking back, and two writers at once.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::expect_used)] // tests start processes and panic

use std::{
    fmt::Write,
    path::PathBuf,
    process::{Child, Command, Output, Stdio},
};

use encoding_rs::GB18030;
use serde_json::{Value, json};

const BRANDS: [&str; 5] = ["海康威视", "大华", "宇视", "axis", "reolink"];
/// The channels of the reference district, over forty recorders.
const ROWS: usize = 6314;
const HOSTS: usize = 40;

/// A data directory with its configuration file.
struct Site(tempfile::TempDir);

impl Site {
    fn new() -> Self {
        let site = Site(tempfile::tempdir().unwrap());
        site.configure("");
        site
    }
    fn configure(&self, rest: &str) {
        let text = format!("[node]\ndata_dir = \"{}\"\n{rest}", self.path("data").display());
        self.file("skyeye.toml", text.as_bytes());
    }
    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }
    fn file(&self, name: &str, bytes: &[u8]) -> String {
        std::fs::write(self.path(name), bytes).unwrap();
        self.path(name).to_str().unwrap().to_owned()
    }
    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_skyeye"));
        command.args(args).arg("--json").arg("--config").arg(self.path("skyeye.toml"));
        command.stdin(Stdio::null()).env("USER", "tester").current_dir(self.0.path());
        command
    }
    fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }
    /// What a command that must succeed gives.
    fn good(&self, args: &[&str]) -> Value {
        let out = self.run(args);
        assert!(out.status.success(), "{args:?}: {}{}", text(&out.stdout), text(&out.stderr));
        last(&out)
    }
    fn start(&self, args: &[&str]) -> Child {
        self.command(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn last(out: &Output) -> Value {
    let all = text(&out.stdout);
    let line = all.lines().last().unwrap_or_default();
    serde_json::from_str(line).unwrap_or_else(|e| panic!("{e} in {line:?}; {}", text(&out.stderr)))
}

fn count(plan: &Value, list: &str) -> usize {
    plan[list].as_array().unwrap().len()
}

/// The district as its integrator has it: recorders of five makers, areas by name, a login a recorder.
fn district() -> String {
    let mut text =
        String::from("国标编码,点位名称,IP地址,端口,通道号,品牌,用户名,密码,街道,社区,网格,经度,纬度,标签\n");
    for i in 0..ROWS {
        let host = i % HOSTS;
        writeln!(
            text,
            "4403050000132{i:07},{}路口{i}号,10.20.{}.{},554,{},{},admin,pass-{},{}街道,第{}社区,网格{},{:.6},{:.6},学校;路口",
            ["东", "南", "西", "北"][i % 4],
            host / 8,
            10 + host % 8,
            1 + i / HOSTS,
            BRANDS[host % BRANDS.len()],
            host,
            ["桃源", "南头", "招商"][i % 3],
            i % 26,
            i % 624,
            113.9 + (i % 100) as f64 * 0.001,
            22.5 + (i / 100) as f64 * 0.001,
        )
        .unwrap();
    }
    text
}

#[test]
fn the_district_is_imported_shown_exported_changed_and_taken_back() {
    let site = Site::new();
    let utf8 = district();
    let (gb, _, lossy) = GB18030.encode(&utf8);
    assert!(!lossy);
    let list = site.file("district.csv", &gb);

    let out = site.run(&["channels", "import", &list, "--dry-run"]);
    assert!(out.status.success());
    let plan = last(&out);
    assert_eq!((count(&plan, "added"), count(&plan, "refused")), (ROWS, 0), "{}", plan["refused"]);
    assert_eq!((&plan["encoding"], &plan["applied"]), (&json!("gb18030"), &json!(false)));
    assert_eq!(count(&plan, "credentials_added"), HOSTS);
    assert!(text(&out.stdout).contains("this is a dry run"));
    assert!(!site.path("data/inventory.db").exists(), "a dry run makes nothing");

    let plan = site.good(&["channels", "import", &list, "--apply"]);
    assert_eq!((&plan["applied"], &plan["rev"]), (&json!(true), &json!(1)));
    let shown = text(&site.run(&["channels", "import", &list]).stdout);
    assert!(shown.contains("0 added, 0 changed, 0 removed, 6314 unchanged, 0 refused"), "{shown}");
    let listed = site.good(&["channels", "list"]);
    assert_eq!(count(&listed, "channels"), ROWS);
    let check = site.good(&["check"]);
    assert_eq!((&check["channels"], &check["stored"]["channels"]), (&json!(ROWS), &json!(ROWS)));
    let one = site.good(&["channels", "show", "44030500001320000000"]);
    assert_eq!(one["url"], "rtsp://10.20.0.10/Streaming/Channels/102");
    assert_eq!((&one["origin"], &one["tags"]), (&json!("inventory"), &json!(["学校", "路口"])));

    let back = site.path("back.csv").to_str().unwrap().to_owned();
    assert_eq!(site.good(&["channels", "export", &back])["rows"], json!(ROWS));
    let exported = std::fs::read(&back).unwrap();
    assert!(exported.starts_with(b"\xef\xbb\xbf") && !text(&exported).contains("pass-"));
    let plan = site.good(&["channels", "import", &back, "--apply"]);
    assert_eq!((&plan["unchanged"], &plan["rev"]), (&json!(ROWS), &Value::Null));

    // One camera moves; its row alone changes, and is taken back.
    let moved = utf8.replacen("东路口0号", "东门", 1);
    let moved = site.file("moved.csv", moved.as_bytes());
    let plan = site.good(&["channels", "import", &moved, "--apply"]);
    assert_eq!((count(&plan, "changed"), &plan["unchanged"]), (1, &json!(ROWS - 1)));
    assert_eq!(plan["changed"][0]["fields"], json!([{ "field": "name", "before": "东路口0号", "after": "东门" }]));
    let undone = site.good(&["channels", "undo", "2"]);
    assert_eq!(undone["rev"], json!(3));
    let history = site.good(&["channels", "history"]);
    let revisions = history["revisions"].as_array().unwrap();
    assert_eq!((revisions.len(), &revisions[1]["undone_by"], &revisions[0]["source"]), (3, &json!(3), &json!("undo")));
    assert_eq!((&revisions[2]["author"], &revisions[2]["source"]), (&json!("tester"), &json!("cli")));
    let changes = site.good(&["channels", "history", "1"]);
    assert!(changes["changes"].as_array().unwrap().len() > ROWS);
    assert!(!changes.to_string().contains("pass-"), "no password in the history");
    // All of the district can be taken back as one.
    site.good(&["channels", "undo", "1"]);
    assert_eq!(count(&site.good(&["channels", "list"]), "channels"), 0);
}

#[test]
fn a_hostile_file_is_refused_cell_by_cell_and_changes_nothing() {
    let site = Site::new();
    let mut bytes = b"\xef\xbb\xbfid,name,url,tags\n".to_vec();
    bytes.extend_from_slice("good,好,rtsp://10.0.0.1/x,a\n".as_bytes());
    bytes.extend_from_slice(b"good,twice,rtsp://10.0.0.2/x,a\n");
    bytes.extend_from_slice(b"broken,\xe4\xb8\xff,rtsp://10.0.0.3/x,a\n");
    bytes.extend_from_slice(b"formula,=cmd|'/C calc'!A0,rtsp://10.0.0.4/x,a\n");
    bytes.extend_from_slice(b"huge,");
    bytes.extend_from_slice(&vec![b'x'; 10_000_000]);
    bytes.extend_from_slice(b",rtsp://10.0.0.5/x,a\n");
    bytes.extend_from_slice(b"login,n,rtsp://admin:tops3cret@10.0.0.6/x,a\n");
    bytes.extend_from_slice(b"cloud,n,rtsp://169.254.169.254/latest/meta-data,a\n");
    bytes.extend_from_slice(b"cloud6,n,\"rtsp://[::ffff:169.254.169.254]/x\",a\n");
    bytes.extend_from_slice(b"self,n,rtsp://localhost/x,a\n");
    bytes.extend_from_slice(b"open,\"n,rtsp://10.0.0.9/x,a\n");
    let list = site.file("hostile.csv", &bytes);
    let shown = text(&site.run(&["channels", "import", &list]).stdout);
    assert!(shown.contains("correct the refused rows, or apply the others with --apply --skip-refused"), "{shown}");
    let out = site.run(&["channels", "import", &list, "--apply"]);
    assert_eq!(out.status.code(), Some(1));
    let plan = last(&out);
    let refused: Vec<(u64, &str)> = plan["refused"]
        .as_array()
        .unwrap()
        .iter()
        .map(|r| (r["row"].as_u64().unwrap(), r["column"].as_str().unwrap()))
        .collect();
    let want =
        [(3, "id"), (4, "name"), (5, "name"), (6, "name"), (7, "url"), (8, "url"), (9, "url"), (10, "url"), (11, "")];
    for place in want {
        assert!(refused.contains(&place), "{place:?} in {refused:?}");
    }
    let all = text(&out.stdout) + &text(&out.stderr);
    assert!(!all.contains("tops3cret") && all.len() < 100_000, "no password and no huge cell is shown");
    assert_eq!(plan["applied"], json!(false));
    assert_eq!(count(&site.good(&["channels", "list"]), "channels"), 0, "nothing is applied by halves");
    // One bad cell is one sentence, also where an address would have been made of it.
    let made = site.file("made.csv", b"id,host,brand,port\na,10.0.0.1,hikvision,99999\nb,10.0.0.2,nobody,554\n");
    let plan = last(&site.run(&["channels", "import", &made]));
    let places: Vec<_> = plan["refused"].as_array().unwrap().iter().map(|r| (&r["row"], &r["column"])).collect();
    assert_eq!(places, [(&json!(2), &json!("port")), (&json!(3), &json!("brand"))], "{}", plan["refused"]);

    // The good row alone, on purpose; still the exit says that rows were refused.
    let out = site.run(&["channels", "import", &list, "--apply", "--skip-refused"]);
    assert_eq!((out.status.code(), &last(&out)["applied"]), (Some(1), &json!(true)));
    assert_eq!(count(&site.good(&["channels", "list"]), "channels"), 1);
    // What is no list at all.
    for (name, bytes) in [("a.csv", &b"PK\x03\x04zip"[..]), ("b.csv", b""), ("c.json", b"[[[["), ("d.toml", b"x = [")] {
        let out = site.run(&["channels", "import", &site.file(name, bytes)]);
        assert_eq!(out.status.code(), Some(1), "{name}");
        assert!(text(&out.stderr).contains(name), "{}", text(&out.stderr));
    }
    let big = site.path("big.csv");
    std::fs::File::create(&big).unwrap().set_len(33 << 20).unwrap();
    let out = site.run(&["channels", "import", big.to_str().unwrap()]);
    assert!(out.status.code() == Some(1) && text(&out.stderr).contains("at most"));
}

#[test]
fn one_channel_is_changed_and_everything_is_said() {
    let site = Site::new();
    let area = |id: &str, name: &str| format!("[[area]]\nid = {id:?}\nname = {name:?}\nkind = \"district\"\n");
    let areas = [area("d", "朝阳区"), area("x", "twin"), area("y", "twin")].concat();
    site.configure(&format!("[[channel]]\nid = \"fixed\"\nurl = \"rtsp://10.0.0.9/\"\n{areas}"));
    let list = site.file("c.csv", b"id,name,url\na,A,rtsp://10.0.0.1/x\nb,B,rtsp://10.0.0.2/x\n");
    site.good(&["channels", "import", &list, "--apply", "--yes"]);
    let secret = site.file("secret", b"tops3cret\n");
    site.good(&["channels", "credential", "set", "cam", "--user", "admin", "--password-file", &secret]);
    let set = site.good(&["channels", "set", "a", "name=Gate", "credential=cam", "tags=x;y", "lat=1.5", "lon=2"]);
    let fields: Vec<_> =
        set["changes"][0]["fields"].as_array().unwrap().iter().map(|f| f["field"].as_str().unwrap()).collect();
    assert_eq!(fields, ["credential", "lat", "lon", "name", "tags"]);
    let logins = site.good(&["channels", "credential", "list"]);
    assert_eq!((&logins["credentials"][0]["id"], &logins["credentials"][0]["channels"]), (&json!("cam"), &json!(1)));
    assert!(!logins.to_string().contains("tops3cret"));

    for (args, needle) in [
        (&["channels", "set", "a", "url=rtsp://u:p@10.0.0.1/"][..], "credential"),
        (&["channels", "set", "a", "url=rtsp://169.254.169.254/"], "link-local"),
        (&["channels", "set", "a", "area=nowhere"], "nowhere"),
        (&["channels", "set", "a", "area=twin"], "give the id of one: x, y"),
        (&["channels", "list", "--area", "nowhere"], "no area has the id or name"),
        (&["channels", "set", "fixed", "name=x"], "configuration file"),
        (&["channels", "set", "nobody", "name=x"], "no channel"),
        (&["channels", "remove", "nobody"], "no channel"),
        (&["channels", "credential", "remove", "cam"], "1 channels use it"),
        (&["channels", "undo", "77"], "no revision"),
        (&["channels", "show", "nobody"], "no channel"),
        // What came first is not taken back under what came later.
        (&["channels", "undo", "1"], "revision 3"),
    ] {
        let out = site.run(args);
        assert_eq!(out.status.code(), Some(1), "{args:?}");
        assert!(text(&out.stderr).contains(needle), "{args:?}: {}", text(&out.stderr));
    }
    let usage = site.run(&["channels", "set", "a", "colour=red"]);
    assert_eq!(usage.status.code(), Some(64));

    // By name, as people know an area.
    site.good(&["channels", "set", "a", "area=朝阳区"]);
    assert_eq!(site.good(&["channels", "show", "a"])["area"], json!("d"));
    for called in ["朝阳区", "d"] {
        let there = site.good(&["channels", "list", "--area", called]);
        assert_eq!((count(&there, "channels"), &there["channels"][0]["id"]), (1, &json!("a")));
    }
    site.good(&["channels", "remove", "b"]);
    let listed = site.good(&["channels", "list"]);
    let ids: Vec<_> = listed["channels"].as_array().unwrap().iter().map(|c| c["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["fixed", "a"]);
    // An id in both: the file counts, and that is said.
    site.configure("[[channel]]\nid = \"a\"\nurl = \"rtsp://10.0.0.9/\"\n");
    let check = site.good(&["check"]);
    assert!(check["warnings"].to_string().contains("channel a stands in this file and in the inventory"));
    assert_eq!(check["channels"], json!(1));
    // Without its key the password is lost and nothing else.
    std::fs::remove_file(site.path("data/inventory.key")).unwrap();
    let check = site.good(&["check"]);
    assert!(check["warnings"].to_string().contains("inventory.key is missing"), "{}", check["warnings"]);
}

#[test]
fn two_writers_at_once_both_get_through() {
    let site = Site::new();
    let lists: Vec<_> = (0..4)
        .map(|n| {
            let mut text = String::from("id,url\n");
            for i in 0..200 {
                writeln!(text, "w{n}-{i},rtsp://10.{n}.{}.{}/x", i / 100, 1 + i % 100).unwrap();
            }
            site.file(&format!("w{n}.csv"), text.as_bytes())
        })
        .collect();
    let running: Vec<_> = lists.iter().map(|l| site.start(&["channels", "import", l, "--apply"])).collect();
    for child in running {
        let out = child.wait_with_output().unwrap();
        assert!(out.status.success(), "{}", text(&out.stderr));
    }
    assert_eq!(count(&site.good(&["channels", "list"]), "channels"), 800);
    assert_eq!(site.good(&["channels", "history"])["rev"], json!(4));
}

#[test]
fn areas_come_with_their_people_and_go_when_nothing_hangs_on_them() {
    let site = Site::new();
    let tree = site.file(
        "tree.csv",
        "区,街道,社区,负责人,职务,电话\n南山,桃源,龙珠,李娜,网格长,+86 755 1234\n南山,桃源,平山,王伟,,\n".as_bytes(),
    );
    let plan = site.good(&["channels", "import", &tree, "--kind", "areas", "--apply"]);
    assert_eq!((count(&plan, "added"), count(&plan, "areas_added")), (2, 2));
    let list = site.file("c.csv", "id,url,社区\na,rtsp://10.0.0.1/x,龙珠\n".as_bytes());
    let plan = site.good(&["channels", "import", &list, "--apply"]);
    assert_eq!(count(&plan, "areas_added"), 0, "found by its name");
    let back = site.path("areas.toml").to_str().unwrap().to_owned();
    site.good(&["channels", "export", &back, "--kind", "areas"]);
    let exported = std::fs::read_to_string(&back).unwrap();
    assert!(exported.contains("李娜") && exported.contains("+86 755 1234"), "{exported}");
    let plan = site.good(&["channels", "import", &back, "--kind", "areas"]);
    assert_eq!(plan["unchanged"], json!(4));
    let ids: Vec<String> = plan_ids(&exported);
    let out = site.run(&["channels", "remove", "--kind", "areas", &ids[2]]);
    assert!(
        out.status.code() == Some(1) && text(&out.stderr).contains("1 channels hang on it"),
        "{}",
        text(&out.stderr)
    );
    site.good(&["channels", "remove", "a"]);
    let all: Vec<&str> =
        ["channels", "remove", "--kind", "areas"].into_iter().chain(ids.iter().map(String::as_str)).collect();
    site.good(&all);
    assert!(site.good(&["channels", "history"])["rev"] == json!(4));
}

fn plan_ids(toml: &str) -> Vec<String> {
    toml.lines().filter_map(|l| l.strip_prefix("id = ")).map(|id| id.trim_matches('"').to_owned()).collect()
}

#[test]
fn rules_and_timetables_are_set_shown_and_taken_back() {
    let site = Site::new();
    site.configure("[[channel]]\nid = \"gate\"\nurl = \"rtsp://10.0.0.1/\"\n[[rule]]\nid = \"fixed\"\ntype = \"presence\"\nchannels = [\"*\"]\n");
    site.good(&["rules", "set", "--kind", "timetables", "nights", "weekly=[\"mon-fri 18:00-08:00\"]", "name=Nights"]);
    let keys = ["type=loitering", "channels=[\"*\"]", "dwell_s=30", "enabled=false", "timetable=nights"];
    site.good(&[&["rules", "set", "yard"][..], &keys].concat());
    site.good(&["rules", "set", "yard", "for=[{ channel = \"gate\", enabled = true }]"]);
    let list = site.good(&["rules", "list"]);
    assert_eq!((count(&list, "rules"), count(&list, "timetables")), (2, 1), "{list}");
    assert_eq!(
        list["rules"][1],
        json!({ "id": "yard", "type": "loitering", "channels": 1, "armed": 1, "origin": "inventory" })
    );
    assert_eq!(site.good(&["rules", "show", "yard"])["rule"]["dwell_s"], json!(30));
    let history = site.good(&["rules", "history", "yard"]);
    assert_eq!(count(&history, "revisions"), 2, "{history}");
    assert_eq!(history["revisions"][0]["change"]["fields"][0]["field"], json!("for"));
    site.good(&["rules", "undo", "3"]);
    assert_eq!(site.good(&["rules", "list", "yard"])["rules"][0]["armed"], json!(0));

    for (args, needle) in [
        (vec!["set", "yard", "keep_score=0.9"], "keep_score"),
        (vec!["set", "yard", "colour=red"], "colour"),
        (vec!["set", "new-one", "channels=[\"*\"]"], "type"),
        (vec!["set", "fixed", "min_score=0.9"], "configuration file"),
        (vec!["remove", "--kind", "timetables", "nights"], "1 rules go by it"),
    ] {
        let out = site.run(&[&["rules"][..], &args].concat());
        assert_eq!(out.status.code(), Some(1), "{args:?}: {}", text(&out.stderr));
        assert!(text(&out.stderr).contains(needle), "{args:?}: {}", text(&out.stderr));
    }
    site.good(&["rules", "set", "yard", "timetable="]);
    site.good(&["rules", "remove", "--kind", "timetables", "nights"]);
    site.good(&["rules", "remove", "yard"]);
    assert_eq!(count(&site.good(&["rules", "list"]), "rules"), 1);
}
