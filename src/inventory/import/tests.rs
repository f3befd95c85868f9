//! Imports from bytes to plans, and from plans to what is stored.

use encoding_rs::GB18030;
use proptest::prelude::*;

use super::*;
use crate::config::{self, AreaKind};
use crate::inventory::{Format, export, record};
use crate::types::Clock;

fn of(kind: Kind, filename: &str, bytes: impl Into<Vec<u8>>) -> Import {
    Import {
        kind,
        bytes: bytes.into().into(),
        filename: filename.into(),
        map: BTreeMap::new(),
        coordinates: Coordinates::Wgs84,
        remove_missing: false,
        apply: false,
        skip_refused: false,
        expect_rev: None,
        author: "ann".into(),
        source: Source::Import,
    }
}

fn channels(text: &str) -> Import {
    of(Kind::Channel, "c.csv", text)
}

fn planned(import: &Import) -> (Plan, Vec<edit::Op>) {
    plan(&Snapshot::default(), &Config::default(), import).unwrap()
}

struct World {
    _dir: tempfile::TempDir,
    config: Config,
    inventory: Inventory,
}

impl World {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let text = format!("[node]\ndata_dir = \"{}\"\n", dir.path().display());
        let config = config::parse("test.toml", &text).unwrap();
        let inventory = Inventory::open(&config, Clock::start()).await.unwrap();
        Self { _dir: dir, config, inventory }
    }
    async fn import(&self, import: Import) -> Plan {
        self.inventory.import(&self.config, import).await.unwrap()
    }
    async fn apply(&self, import: Import) -> Plan {
        let plan = self.import(Import { apply: true, ..import }).await;
        assert!(plan.applied, "{:?}", plan.refused);
        plan
    }
    async fn snapshot(&self) -> Arc<Snapshot> {
        self.inventory.snapshot().await.unwrap()
    }
    async fn export(&self, kind: Kind, format: Format) -> Import {
        let name = match format {
            Format::Csv => "x.csv",
            Format::Json => "x.json",
            Format::Toml => "x.toml",
        };
        let snapshot = self.snapshot().await;
        of(kind, name, export(&snapshot, kind, format))
    }
}

const LIST: &str = "国标编码,点位名称,IP地址,端口,通道号,厂商,用户名,密码,街道,社区,经度,纬度,标签,启用,备注
44030500001320000001,东门,10.1.0.1,554,1,海康威视,admin,p4ss,桃源街道,龙珠社区,114.05,22.54,学校;门口,是,x
44030500001320000002,西门,10.1.0.1,554,2,海康威视,admin,p4ss,桃源街道,龙珠社区,114.06,22.54,,否,
44030500001320000003,广场,10.1.0.2,8554,CH03,大华,admin,other,桃源街道,平山社区,,,,,
";

#[test]
fn a_list_as_it_is_kept_becomes_channels_areas_and_credentials() {
    let (plan, ops) = planned(&channels(LIST));
    assert_eq!(plan.refused, []);
    assert_eq!((plan.rows, plan.added.len(), plan.credentials_added.len()), (3, 3, 2));
    let areas: Vec<_> = plan.areas_added.iter().map(|a| (a.name.as_str(), a.kind, a.parent.is_some())).collect();
    assert_eq!(
        areas,
        [
            ("桃源街道", AreaKind::Street, false),
            ("龙珠社区", AreaKind::Community, true),
            ("平山社区", AreaKind::Community, true)
        ]
    );
    let found: Vec<_> =
        ops.iter().filter_map(|op| if let edit::Op::PutChannel(c) = op { Some(c) } else { None }).collect();
    assert_eq!(found[0].id.as_str(), "44030500001320000001");
    assert_eq!(found[0].url, "rtsp://10.1.0.1/Streaming/Channels/102");
    assert_eq!(found[0].main_url.as_deref(), Some("rtsp://10.1.0.1/Streaming/Channels/101"));
    assert_eq!(found[0].tags, ["学校", "门口"]);
    assert_eq!((found[0].lat, found[0].lon), (Some(22.54), Some(114.05)));
    assert_eq!((found[0].enabled, found[1].enabled, found[2].enabled), (true, false, true));
    assert_eq!(found[0].credential, found[1].credential);
    assert_ne!(found[0].credential, found[2].credential);
    assert_eq!(found[2].url, "rtsp://10.1.0.2:8554/cam/realmonitor?channel=3&subtype=1");
    let text = serde_json::to_string(&plan).unwrap();
    assert!(!text.contains("p4ss") && !text.contains("other"), "no password in a plan");
    let unread: Vec<_> = plan.mapping.iter().filter(|c| c.field.is_none()).map(|c| c.heading.as_str()).collect();
    assert_eq!(unread, ["备注"]);
}

#[test]
fn gb18030_semicolons_and_tabs_are_read_alike() {
    let (want, _) = planned(&channels(LIST));
    let (gb, _, _) = GB18030.encode(LIST);
    let (plan, _) = planned(&of(Kind::Channel, "c.csv", gb.into_owned()));
    assert_eq!((plan.encoding, plan.added), ("gb18030", want.added.clone()));
    for (separator, shown) in [(";", ";"), ("\t", "\t")] {
        let text = LIST.replace("学校;门口", "学校|门口").replace(',', separator);
        let (plan, _) = planned(&channels(&format!("\u{feff}{text}")));
        assert_eq!((plan.delimiter.as_str(), plan.added), (shown, want.added.clone()));
    }
}

#[tokio::test]
async fn a_row_is_matched_by_id_then_number_then_address() {
    let world = World::new().await;
    let first = "id,external_id,name,url\na,100,A,rtsp://10.0.0.1/x\n,200,B,rtsp://10.0.0.2/x\n,,C,rtsp://10.0.0.3/x\n";
    let plan = world.apply(channels(first)).await;
    let ids: Vec<_> = plan.added.iter().map(|p| p.id.as_str()).collect();
    assert_eq!(ids, ["a", "200", "cam-10-0-0-3"]);
    let second =
        "id,external_id,name,url\na,101,A2,rtsp://10.0.0.1/y\n,200,B,rtsp://10.0.0.2/y\n,,C2,rtsp://10.0.0.3:554/x\n";
    let plan = world.import(channels(second)).await;
    assert_eq!(plan.refused, []);
    assert_eq!((plan.added.len(), plan.changed.len(), plan.missing), (0, 3, 0));
    let fields = |i: usize| plan.changed[i].fields.iter().map(|f| f.field.clone()).collect::<Vec<_>>();
    assert_eq!(fields(0), ["external_id", "name", "url"]);
    assert_eq!(fields(1), ["url"]);
    assert_eq!(fields(2), ["name", "url"]);
    // What has no column stays; an empty cell takes back.
    let plan = world.apply(channels("id,name\na,\n")).await;
    assert_eq!(plan.changed[0].fields.len(), 1);
    let snapshot = world.snapshot().await;
    let a = &snapshot.channel("a").unwrap().value;
    assert_eq!((a.name.as_str(), a.external_id.as_str()), ("", "100"));
}

#[tokio::test]
async fn a_made_id_comes_back_in_the_export_and_is_never_used_again() {
    let world = World::new().await;
    world.apply(channels("name,url\nGate,rtsp://10.0.0.1/x\n")).await;
    world.apply(channels("id,name\ngate,Main gate\n")).await;
    let exported = world.export(Kind::Channel, Format::Csv).await;
    assert!(std::str::from_utf8(&exported.bytes).unwrap().contains("gate,Main gate,"));
    let gone = Import { remove_missing: true, ..channels("id,name,url\nother,O,rtsp://10.0.0.2/x\n") };
    let plan = world.apply(gone).await;
    assert_eq!((plan.removed.len(), plan.added.len()), (1, 1));
    let plan = world.apply(channels("name,url\nGate,rtsp://10.0.0.1/x\n")).await;
    assert_eq!(plan.added[0].id, "gate-2");
    assert_eq!(plan.missing, 1, "what the file does not have stays, and is counted");
}

#[tokio::test]
async fn an_export_imported_again_changes_nothing() {
    let world = World::new().await;
    world.apply(channels(LIST)).await;
    let tree = "id,name,kind,parent,负责人1,电话1,负责人2,lat,lon\nshekou,\"Shekou, \"\"S\"\"\",街道,,李娜,+86 755 1234,王伟,22.5,113.9\ng1,一网格,网格,shekou,,,,,\n";
    world.apply(of(Kind::Area, "tree.csv", tree)).await;
    let zones = r#"[{"id": "44030500001320000001", "weight": 0.3, "zone": [{"id": "z", "polygon": [[0.1, 0.1], [0.9, 0.1], [0.5, 0.9]]}],
        "mask": [{"polygon": [[0, 0], [0.2, 0], [0.2, 0.3]]}]}]"#;
    let plan = world.apply(of(Kind::Channel, "z.json", zones)).await;
    assert_eq!(plan.changed.len(), 1);
    for format in [Format::Csv, Format::Json, Format::Toml] {
        for (kind, count) in [(Kind::Channel, 3), (Kind::Area, 5)] {
            let exported = world.export(kind, format).await;
            let text = String::from_utf8(exported.bytes.to_vec()).unwrap();
            assert!(!text.contains("p4ss"));
            let plan = world.import(Import { apply: true, ..exported }).await;
            assert_eq!(plan.refused, [], "{text}");
            assert_eq!(
                (plan.unchanged, plan.changed.len(), plan.added.len()),
                (count, 0, 0),
                "{format:?}: {:?}",
                plan.changed
            );
            assert!(plan.applied && plan.rev.is_none() && plan.missing == 0);
        }
    }
    // Into another, empty place it brings all of it.
    let other = World::new().await;
    other.apply(world.export(Kind::Area, Format::Toml).await).await;
    let mut text = String::from_utf8(world.export(Kind::Channel, Format::Toml).await.bytes.to_vec()).unwrap();
    text = text.lines().filter(|l| !l.starts_with("credential")).collect::<Vec<_>>().join("\n");
    other.apply(of(Kind::Channel, "c.toml", text)).await;
    assert_eq!(other.snapshot().await.channel("44030500001320000001").unwrap().value.zone.len(), 1);
    assert_eq!(other.snapshot().await.areas.len(), world.snapshot().await.areas.len());
}

#[test]
fn rows_that_are_refused_say_where_and_why() {
    let long = "x".repeat(10_000_000);
    let text = format!(
        "id,name,url,external_id,lat,lon,credential,area,weight
a,A,rtsp://10.0.0.1/x,1,,,,,
a,B,rtsp://10.0.0.2/x,2,,,,,
c,C,rtsp://10.0.0.3/x,1,,,,,
d,D,rtsp://10.0.0.1:554/x,4,,,,,
e,=HYPERLINK(1),rtsp://10.0.0.5/x,5,,,,,
f,F,rtsp://admin:h4nter2@10.0.0.6/x,6,,,,,
g,G,rtsp://169.254.169.254/latest,7,,,,,
h,{long},rtsp://10.0.0.8/x,8,,,,,
i,I,rtsp://10.0.0.9/x,9,95,20,,,
j,J,rtsp://10.0.0.10/x,10,,,nobody,,
k,K,rtsp://10.0.0.11/x,11,,,,nowhere,
L!,L,rtsp://10.0.0.12/x,12,,,,,
m,M,http://10.0.0.13/x,4.403E+19,,,,,
n,N,rtsp://10.0.0.14/x
o,O,,15,-0.5,-0.5,,,
p,P,rtsp://[::1]/x,16,,,,,heavy
"
    );
    let (plan, ops) = planned(&channels(&text));
    assert_eq!(plan.added.len(), 1, "only the first row is good");
    assert_eq!(ops.len(), 1);
    let want = [
        (3, "id", "row 2"),
        (4, "external_id", "row 2"),
        (5, "url", "row 2"),
        (6, "name", "formula"),
        (7, "url", "username and password"),
        (8, "url", "link-local"),
        (9, "name", "10000000 bytes"),
        (10, "lat", "-90 to 90"),
        (11, "credential", "no credential"),
        (12, "area", "neither the id nor the name"),
        (13, "id", "no id"),
        (14, "external_id", "by the spreadsheet"),
        (14, "url", "rtsp://"),
        (15, "", "3 cells"),
        (16, "url", "missing"),
        (17, "url", "loopback"),
        (17, "weight", "number"),
    ];
    for (row, column, needle) in want {
        let found = plan.refused.iter().any(|r| r.row == row && r.column == column && r.reason.contains(needle));
        assert!(
            found,
            "row {row}, {column}: {needle} in {:#?}",
            plan.refused.iter().filter(|r| r.row == row).collect::<Vec<_>>()
        );
    }
    assert!(plan.stands_against(false));
    let text = serde_json::to_string(&plan).unwrap();
    assert!(!text.contains("h4nter2") && text.len() < 20_000, "no password, no long cell: {} bytes", text.len());
}

#[test]
fn broken_bytes_are_refused_by_row_and_column() {
    let mut bytes = "id,name,url\na,东门,rtsp://10.0.0.1/x\nb,".as_bytes().to_vec();
    bytes.extend_from_slice(b"\xe4\xb8,rtsp://10.0.0.2/x\nc,ok,rtsp://10.0.0.3/x\n");
    let (plan, _) = planned(&of(Kind::Channel, "c.csv", bytes));
    let places: Vec<_> = plan.refused.iter().map(|r| (r.row, r.column.as_str())).collect();
    assert_eq!((places, plan.added.len()), (vec![(3, "name")], 2));
}

#[test]
fn nothing_is_missing_that_was_refused() {
    let import = Import { remove_missing: true, ..channels("id,name,url\na,=x1,rtsp://10.0.0.1/x\n") };
    let (plan, _) = planned(&import);
    assert!(plan.stands_against(true), "what is missing is not known");
}

#[tokio::test]
async fn nothing_is_applied_by_halves_unless_it_is_asked_for() {
    let world = World::new().await;
    let text = "id,name,url,street\na,A,rtsp://10.0.0.1/x,S1\nb,=x1,rtsp://10.0.0.2/x,S2\n";
    let plan = world.import(Import { apply: true, ..channels(text) }).await;
    assert!(!plan.applied && plan.rev.is_none() && world.inventory.rev().await.unwrap() == 0);
    let plan = world.import(Import { apply: true, skip_refused: true, ..channels(text) }).await;
    assert!(plan.applied && plan.rev == Some(1));
    let snapshot = world.snapshot().await;
    assert_eq!((snapshot.channels.len(), snapshot.areas.len()), (1, 1), "a refused row makes no area");
    let stale = Import { apply: true, expect_rev: Some(0), ..channels("id,name\na,Z\n") };
    assert!(matches!(world.inventory.import(&world.config, stale).await, Err(InventoryError::Conflict { rev: 1, .. })));
}

#[tokio::test]
async fn two_channels_change_places_and_a_taken_address_is_refused() {
    let world = World::new().await;
    world
        .apply(channels("id,external_id,url\na,1,rtsp://10.0.0.1/x\nb,2,rtsp://10.0.0.2/x\nc,3,rtsp://10.0.0.3/x\n"))
        .await;
    let plan = world.import(channels("id,external_id,url\na,2,rtsp://10.0.0.2/x\nb,1,rtsp://10.0.0.1/x\n")).await;
    assert_eq!((plan.refused.len(), plan.changed.len()), (0, 2), "{:?}", plan.refused);
    let plan = world.import(channels("id,url\na,rtsp://10.0.0.3:554/x\n")).await;
    assert!(plan.refused[0].reason.contains("'c'"), "{:?}", plan.refused);
    let plan = world.import(channels("id,external_id\na,3\n")).await;
    assert!(plan.refused[0].reason.contains("'c'"), "{:?}", plan.refused);
}

#[tokio::test]
async fn the_configuration_files_channels_are_left_alone() {
    let world = World::new().await;
    let text = format!(
        "[node]\ndata_dir = \"{}\"\n[[channel]]\nid = \"fixed\"\nname = \"F\"\nurl = \"rtsp://10.0.0.1/x\"\n",
        world.config.node.data_dir.display()
    );
    let config = config::parse("t", &text).unwrap();
    let same = world.inventory.import(&config, channels("id,name\nfixed,F\n")).await.unwrap();
    assert_eq!((same.unchanged, same.refused.len(), same.missing), (1, 0, 0));
    let other = world.inventory.import(&config, channels("id,name\nfixed,G\n")).await.unwrap();
    assert!(other.refused[0].reason.contains("configuration file"), "{:?}", other.refused);
}

#[tokio::test]
async fn shifted_coordinates_are_turned_back() {
    let world = World::new().await;
    let text = "id,url,lat,lon\na,rtsp://10.0.0.1/x,39.908735,116.397325\n";
    world.apply(Import { coordinates: Coordinates::Gcj02, ..channels(text) }).await;
    let a = world.snapshot().await.channel("a").unwrap().value.clone();
    let (lat, lon) = (a.lat.unwrap(), a.lon.unwrap());
    assert!((lat - 39.907_333).abs() < 1e-4 && (lon - 116.391_083).abs() < 1e-4, "{lat} {lon}");
    let again = world.import(Import { coordinates: Coordinates::Gcj02, ..channels(text) }).await;
    assert_eq!(again.unchanged, 1, "the same list changes nothing");
}

#[tokio::test]
async fn borders_of_areas_come_by_json_shifted_ones_are_turned_back_and_bad_ones_named() {
    let world = World::new().await;
    let list = |border: &str| format!(r#"[{{"id": "s", "name": "S", "kind": "street", "polygon": {border}}}]"#);
    let gcj = "[[39.908735, 116.397325], [39.918735, 116.397325], [39.918735, 116.407325]]";
    let shifted = || Import { coordinates: Coordinates::Gcj02, ..of(Kind::Area, "a.json", list(gcj)) };
    world.apply(shifted()).await;
    let first = world.snapshot().await.area("s").unwrap().value.polygon[0];
    assert!((first[0] - 39.907_333).abs() < 1e-4 && (first[1] - 116.391_083).abs() < 1e-4, "{first:?}");
    assert_eq!(world.import(shifted()).await.unchanged, 1, "the same list changes nothing");
    for format in [Format::Json, Format::Toml, Format::Csv] {
        let exported = world.export(Kind::Area, format).await;
        let plan = world.import(exported).await;
        assert_eq!((plan.unchanged, plan.refused.len()), (1, 0), "{format:?}: {:?}", plan.changed);
    }
    for (bad, needle) in [
        ("[[1, 2], [3, 4]]", "a border has 3"),
        ("[[116.3, 39.9], [116.4, 39.9], [116.4, 39.8]]", "interchanged"),
        ("[[1, 2, 3], [3, 4], [5, 6]]", "list of points"),
        ("[\"canary\"]", "list of points"),
    ] {
        let plan = world.import(of(Kind::Area, "a.json", list(bad))).await;
        let refused = &plan.refused[0];
        assert!(refused.column == "polygon" && refused.reason.contains(needle), "{bad}: {refused:?}");
        assert!(!refused.reason.contains("canary"), "{refused:?}");
    }
}

#[tokio::test]
async fn a_tree_comes_in_any_order_and_by_names() {
    let world = World::new().await;
    let text = "id,name,kind,parent\ng,G,grid,c\nd,D,district,\nc,C,community,s\ns,S,street,d\n";
    let plan = world.apply(of(Kind::Area, "a.csv", text)).await;
    assert_eq!(plan.added.len(), 4);
    let named = "区,街道,社区,网格,负责人,电话\nD,S,C,G,李娜,139\nD,S,C,G2,王伟,+86 138\nD,S,C9,,张三,\n";
    let plan = world.apply(of(Kind::Area, "a.csv", named)).await;
    assert_eq!((plan.changed.len(), plan.added.len(), plan.areas_added.len()), (1, 2, 0), "{plan:?}");
    assert_eq!(plan.changed[0].id, "g");
    let wrong =
        "id,name,kind,parent\nx,X,grid,nowhere\ny,Y,country,\nz,,grid,\ng,G,grid,d\ng,G,grid,c\nd,D,district,s\n";
    let plan = world.import(of(Kind::Area, "a.csv", wrong)).await;
    for (row, needle) in [(2, "neither"), (3, "no kind"), (4, "missing"), (6, "row 5"), (7, "circle")] {
        assert!(
            plan.refused.iter().any(|r| r.row == row && r.reason.contains(needle)),
            "row {row} {:#?}",
            plan.refused
        );
    }
    // An area that others hang on does not go because a list lacks it.
    world.apply(channels("id,url,area\na,rtsp://10.0.0.1/x,G2\n")).await;
    let less = Import { remove_missing: true, ..of(Kind::Area, "a.csv", "id,name\nd,D\n") };
    let plan = world.import(less).await;
    assert!(
        plan.stands_against(true) && plan.refused.iter().any(|r| r.reason.contains("1 channels hang")),
        "{:?}",
        plan.refused
    );
}

#[tokio::test]
async fn names_below_the_only_district_hang_on_it() {
    let world = World::new().await;
    world.apply(of(Kind::Area, "a.csv", "id,name,kind\nd,D,district\n")).await;
    let plan = world.import(channels("url,street,grid\nrtsp://10.0.0.1/x,S,G\nrtsp://10.0.0.2/x,,G2\n")).await;
    let made: Vec<_> =
        plan.areas_added.iter().map(|a| (a.name.as_str(), a.parent.as_ref().map(|p| p.to_string()))).collect();
    let street = plan.areas_added[0].id.to_string();
    assert_eq!(made, [("S", Some("d".into())), ("G", Some(street)), ("G2", Some("d".into()))]);
}

#[tokio::test]
async fn toml_and_json_are_the_tables_of_the_configuration() {
    let world = World::new().await;
    let toml = "[[channel]]\nid = \"a\"\nurl = \"rtsp://10.0.0.1/x\"\ntags = [\"x\", \"y\"]\nenabled = false\n[[channel.zone]]\nid = \"z\"\npolygon = [[0, 0], [1, 0], [0.5, 1]]\n";
    let plan = world.apply(of(Kind::Channel, "c.toml", toml)).await;
    assert_eq!((plan.format, plan.added.len()), (Format::Toml, 1));
    let snapshot = world.snapshot().await;
    let a = &snapshot.channel("a").unwrap().value;
    assert_eq!((a.tags.len(), a.enabled, a.zone.len()), (2, false, 1));
    let wrong = r#"{"channel": [{"id": "b", "url": "rtsp://10.0.0.2/x", "colour": "red"}, {"id": "c", "url": ["x"]}, {"id": "d", "url": "rtsp://10.0.0.3/", "zone": [{"id": "Z!"}]}]}"#;
    let plan = world.import(of(Kind::Channel, "c.json", wrong)).await;
    let places: Vec<_> = plan.refused.iter().map(|r| (r.row, r.column.as_str())).collect();
    assert!(
        places.contains(&(1, "colour")) && places.contains(&(2, "url")) && places.contains(&(3, "zone")),
        "{places:?}"
    );
    for (name, text, needle) in [
        ("c.toml", "[[channel]]\nid = \n", "line 2"),
        ("c.json", "{", "EOF"),
        ("c.json", "{}", "no list"),
        ("c.csv", "", "empty"),
        ("c.csv", "colour,size\n1,2\n", "no heading"),
        ("c.csv", "PK\u{3}\u{4}rest", "workbook"),
    ] {
        let error = world.inventory.import(&world.config, of(Kind::Channel, name, text)).await.unwrap_err().to_string();
        assert!(error.contains(needle) && error.contains(name), "{error}");
    }
}

#[tokio::test]
async fn the_same_list_with_another_password_makes_another_credential() {
    let world = World::new().await;
    world.apply(channels(LIST)).await;
    let plan = world.import(channels(LIST)).await;
    assert_eq!((plan.unchanged, plan.credentials_added.len()), (3, 0), "{:?}", plan.changed);
    let plan = world.apply(channels(&LIST.replacen("p4ss", "n3w", 1))).await;
    assert_eq!((plan.changed.len(), plan.credentials_added.len()), (1, 1));
    let exported = world.export(Kind::Channel, Format::Json).await;
    assert!(!String::from_utf8_lossy(&exported.bytes).contains("n3w"));
}

fn any_file() -> impl Strategy<Value = Vec<u8>> {
    let cell = prop_oneof![
        Just("id".to_owned()),
        Just("名称".to_owned()),
        Just("rtsp://10.0.0.1/x".to_owned()),
        Just("rtsp://u:p@10.0.0.1/x".to_owned()),
        Just("街道".to_owned()),
        Just("=1+1".to_owned()),
        Just("\"".to_owned()),
        "[a-z0-9]{0,4}",
        "\\PC{0,6}",
    ];
    let line = proptest::collection::vec(cell, 0..8).prop_map(|cells| cells.join(","));
    let text = proptest::collection::vec(line, 0..12).prop_map(|lines| lines.join("\n"));
    let good = text.prop_map(|t| format!("id,name,url,street,lat,lon,username,password\n{t}").into_bytes());
    prop_oneof![good, proptest::collection::vec(any::<u8>(), 0..400)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Whatever the bytes are: no panic, refused rows have a place and a reason, and what is planned may be made.
    #[test]
    fn any_bytes_make_a_plan_or_a_sentence(bytes in any_file(), name in prop_oneof![Just("f.csv"), Just("f.json"), Just("f.toml"), Just("f")], kind in prop_oneof![Just(Kind::Channel), Just(Kind::Area)]) {
        let file = Config::default();
        if let Ok((plan, ops)) = plan(&Snapshot::default(), &file, &of(kind, name, bytes)) {
            prop_assert!(plan.refused.iter().all(|r| !r.reason.is_empty()));
            prop_assert!(plan.added.len() as u64 <= plan.rows);
            prop_assert!(!plan.applied);
            if !plan.blocked {
                let changes = edit::compare(&Snapshot::default(), &ops, &mut |_, _| Ok(String::new())).unwrap();
                prop_assert!(check::changes(&Snapshot::default(), &file, &changes).is_empty());
            }
        }
    }

    /// What can be stored comes back from each format as it was.
    #[test]
    fn any_channel_round_trips(name in "\\PC{0,20}", tags in proptest::collection::vec("[a-z0-9._]{1,8}", 0..4), lat in -90.0f64..90.0, weight in 0.01f32..100.0) {
        let channel = config::Channel {
            id: crate::types::ChannelId::new("a").unwrap(),
            name: name.trim().to_owned(),
            url: "rtsp://10.0.0.1/x".into(),
            tags,
            lat: Some(lat),
            lon: Some(-lat),
            weight,
            ..record::blank_channel()
        };
        prop_assume!(check::channel(&channel, &config::Refs::default(), false).is_empty());
        let mut distinct = channel.tags.clone();
        distinct.sort();
        distinct.dedup();
        prop_assume!(distinct.len() == channel.tags.len());
        let stored = crate::inventory::Stored { value: channel, rev: 1 };
        let snapshot = Snapshot { rev: 1, channels: vec![stored], ..Snapshot::default() };
        for (format, name) in [(Format::Csv, "x.csv"), (Format::Json, "x.json"), (Format::Toml, "x.toml")] {
            let (plan, _) = plan(&snapshot, &Config::default(), &of(Kind::Channel, name, export(&snapshot, Kind::Channel, format))).unwrap();
            prop_assert_eq!(&plan.refused, &[]);
            prop_assert_eq!((plan.unchanged, plan.changed.len()), (1, 0), "{:?}", plan.changed);
        }
    }
}

#[test]
fn of_a_file_of_nonsense_the_first_refusals_are_listed_and_the_rest_counted() {
    let keys = |row: usize| (0..200).map(|k| format!("\"k{row}-{k}\":1")).collect::<Vec<_>>().join(",");
    let rows: Vec<String> = (0..400).map(|row| format!("{{{}}}", keys(row))).collect();
    let (plan, _) = planned(&of(Kind::Channel, "c.json", format!("[{}]", rows.join(","))));
    assert_eq!(plan.refused.len(), 5_000, "twenty a row, and no more in all");
    assert!(plan.notes.iter().any(|n| n.contains("more cells are refused")), "{:?}", plan.notes);
    assert!(plan.stands_against(false));
}

#[test]
fn an_area_is_found_below_another_however_many_have_its_name() {
    let mut list = String::from("url,district,street,community\n");
    for n in 0..2_000 {
        list += &format!("rtsp://10.2.{}.{}/x,South,Street {n},Centre\n", n / 250, n % 250 + 1);
    }
    // One that a higher area alone does not tell, and one that it does.
    list += "rtsp://10.3.0.1/x,South,,Centre\nrtsp://10.3.0.2/x,North,,Centre\n";
    let (plan, _) = planned(&channels(&list));
    assert_eq!(plan.refused.len(), 1, "{:?}", plan.refused);
    assert!(plan.refused[0].reason.contains("2000 areas"), "{:?}", plan.refused);
    assert_eq!(plan.areas_added.len(), 2 + 2_000 + 2_001);
}

#[test]
fn more_areas_than_a_site_may_have_are_refused() {
    let list = |count: usize| {
        let rows: String = (0..count).map(|n| format!("a{n},Grid {n},grid\n")).collect();
        of(Kind::Area, "grids.csv", format!("id,name,kind\n{rows}"))
    };
    let most = config::validate::MAX_AREAS;
    let refused = plan(&Snapshot::default(), &Config::default(), &list(most + 1)).unwrap_err().to_string();
    assert!(refused.starts_with("grids.csv, row 20002: there would be 20001 areas; at most 20000, "), "{refused}");
    // Together with those that are there already.
    let file = config::parse("t", "[[area]]\nid = \"x\"\nname = \"x\"\nkind = \"district\"\n").unwrap();
    let (full, _) = plan(&Snapshot::default(), &file, &list(most)).unwrap();
    assert!(
        full.blocked && full.refused.len() == 1 && full.refused[0].reason.contains("at most 20000"),
        "{:?}",
        full.refused
    );
    let (fits, _) = plan(&Snapshot::default(), &Config::default(), &list(most)).unwrap();
    assert!(!fits.blocked && fits.added.len() == most);
}
