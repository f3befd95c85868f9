//! The map: tiles and plans that lie on this machine, and the borders of areas. No address of another host is in it: sites
//! have no way out.

use std::{
    fs::File,
    io::Read,
    path::{Path, PathBuf},
};

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Config, Problem};
use crate::types::{AreaId, PlanId};

/// Latitude and longitude, WGS-84 degrees.
pub type Degrees = [f64; 2];

/// Finest zoom of tiles; a pixel there is a centimetre or two.
pub const MAX_ZOOM: u8 = 22;
/// A plan is one picture that a browser holds whole.
pub const MAX_PLAN_BYTES: u64 = 16 << 20;
const MAX_PLANS: usize = 200;
const MAX_BORDER: usize = 500;

/// What channels are drawn on.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Map {
    /// Folder with raster tiles, `{z}/{x}/{y}.png`, `.jpg` or `.webp`; none: a plain background.
    pub tiles: Option<PathBuf>,
    /// Whose tiles they are; shown on the map.
    pub attribution: String,
    /// Zooms that the folder has tiles for; further in the finest are enlarged.
    pub min_zoom: u8,
    pub max_zoom: u8,
    /// What the map shows first: south, west, north and east edge in degrees; none: where areas and channels are.
    pub bounds: Option<[f64; 4]>,
    /// Plans of buildings and grounds, laid on the map.
    pub plan: Vec<Plan>,
}

impl Default for Map {
    fn default() -> Self {
        Self { tiles: None, attribution: String::new(), min_zoom: 0, max_zoom: 18, bounds: None, plan: Vec::new() }
    }
}

/// A picture of a building's floor or a ground, seen from above.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    pub id: PlanId,
    pub name: String,
    /// Who may see the area may see the plan.
    pub area: AreaId,
    /// PNG, JPEG or WebP.
    pub image: PathBuf,
    /// Where the picture's corners lie, `[lat, lon]`: top left, top right, bottom right, bottom left; the last may be left
    /// out, the picture is a parallelogram then.
    pub corners: Vec<Degrees>,
}

impl Plan {
    /// All four corners, in the order of the configuration.
    pub fn four(&self) -> Option<[Degrees; 4]> {
        match *self.corners.as_slice() {
            [a, b, c] => Some([a, b, c, [a[0] + c[0] - b[0], a[1] + c[1] - b[1]]]),
            [a, b, c, d] => Some([a, b, c, d]),
            _ => None,
        }
    }
}

/// A kind of picture, told by its first bytes and not by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Raster {
    Png,
    Jpeg,
    Webp,
}

impl Raster {
    pub fn of(head: &[u8]) -> Option<Self> {
        match head {
            [0x89, b'P', b'N', b'G', ..] => Some(Self::Png),
            [0xff, 0xd8, 0xff, ..] => Some(Self::Jpeg),
            [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some(Self::Webp),
            _ => None,
        }
    }

    pub fn content_type(self) -> &'static str {
        match self {
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
            Self::Webp => "image/webp",
        }
    }
}

pub(super) fn problems(c: &Config) -> Vec<Problem> {
    let mut found = Vec::new();
    let mut add = |key: &str, message: String| found.push(Problem::new(format!("map.{key}"), message));
    let map = &c.map;
    if let Some(dir) = &map.tiles
        && !dir.is_dir()
    {
        let message =
            format!("'{}' is no folder; name the one that holds the folders of zooms (0, 1, 2 …)", dir.display());
        add("tiles", message);
    }
    for (key, zoom) in [("min_zoom", map.min_zoom), ("max_zoom", map.max_zoom)] {
        if zoom > MAX_ZOOM {
            add(key, format!("is {zoom}; must be 0 to {MAX_ZOOM}"));
        }
    }
    if map.min_zoom > map.max_zoom {
        add("min_zoom", format!("is {}, above map.max_zoom, which is {}; exchange them", map.min_zoom, map.max_zoom));
    }
    if map.attribution.chars().count() > 200 || map.attribution.chars().any(char::is_control) {
        add("attribution", "is over 200 characters or holds control characters".into());
    }
    if let Some(bounds) = map.bounds
        && let Some(message) = bounds_problem(bounds)
    {
        add("bounds", message);
    }
    if map.plan.len() > MAX_PLANS {
        add("plan", format!("there are {} plans; at most {MAX_PLANS} are possible", map.plan.len()));
    }
    for (i, plan) in map.plan.iter().enumerate() {
        if let Some(first) = map.plan[..i].iter().position(|p| p.id == plan.id) {
            add(&format!("plan[{i}].id"), format!("'{}' is taken by map.plan[{first}]; ids are unique", plan.id));
        }
        if plan.name.is_empty() || plan.name.chars().count() > 200 || plan.name.chars().any(char::is_control) {
            add(&format!("plan[{i}].name"), "is empty, over 200 characters or holds control characters".into());
        }
        if let Err(message) = plan_image(&plan.image) {
            add(&format!("plan[{i}].image"), format!("'{}' {message}", plan.image.display()));
        }
        if let Some(message) = corners_problem(plan) {
            add(&format!("plan[{i}].corners"), message);
        }
    }
    for (i, plan) in map.plan.iter().enumerate() {
        if !c.area.iter().any(|a| a.id == plan.area) {
            let problem = Problem::new(
                format!("map.plan[{i}].area"),
                format!("no area has the id '{}'; add it or correct the name", plan.area),
            );
            found.push(Problem { elsewhere: true, ..problem });
        }
    }
    found
}

/// What is wrong with the border of an area; nothing is wrong with none.
pub(super) fn border_problem(border: &[Degrees]) -> Option<String> {
    if border.is_empty() {
        return None;
    }
    if !(3..=MAX_BORDER).contains(&border.len()) {
        return Some(format!("has {} points; a border has 3 to {MAX_BORDER}", border.len()));
    }
    if let Some(message) = border.iter().find_map(|p| point_problem(*p)) {
        return Some(message);
    }
    (doubled_surface(border) == 0.0)
        .then(|| "encloses nothing: its points lie on one line; name the corners of the area, going round it".into())
}

fn point_problem([lat, lon]: Degrees) -> Option<String> {
    if !(-90.0..=90.0).contains(&lat) {
        return Some(format!(
            "has the latitude {lat}; must be -90 to 90 degrees (a point is [lat, lon]; are they interchanged?)"
        ));
    }
    (!(-180.0..=180.0).contains(&lon)).then(|| format!("has the longitude {lon}; must be -180 to 180 degrees"))
}

fn bounds_problem([south, west, north, east]: [f64; 4]) -> Option<String> {
    if let Some(message) = point_problem([south, west]).or_else(|| point_problem([north, east])) {
        return Some(format!("{message}; bounds are south, west, north, east"));
    }
    (south >= north || west >= east).then(|| {
        "has no extent: south must be below north and west below east, in the order south, west, north, east".into()
    })
}

fn corners_problem(plan: &Plan) -> Option<String> {
    let Some(corners) = plan.four() else {
        return Some(format!(
            "has {} points; a plan has 3 or 4: top left, top right, bottom right and, if it is no parallelogram, bottom left",
            plan.corners.len()
        ));
    };
    if let Some(message) = corners.iter().find_map(|p| point_problem(*p)) {
        return Some(message);
    }
    // Seen from above a picture that lies face up goes round clockwise, however it is turned.
    let turn = |i: usize| {
        let [a, b, c] = [corners[i], corners[(i + 1) % 4], corners[(i + 2) % 4]];
        (b[1] - a[1]) * (c[0] - b[0]) - (b[0] - a[0]) * (c[1] - b[1])
    };
    let clockwise = (0..4).all(|i| turn(i) < 0.0);
    (!clockwise).then(|| {
        "do not go round the picture: the order is top left, top right, bottom right, bottom left, each as [lat, lon]".into()
    })
}

/// Twice the surface in square degrees, by the shoelace formula.
fn doubled_surface(ring: &[Degrees]) -> f64 {
    let next = ring.iter().cycle().skip(1);
    ring.iter().zip(next).map(|(a, b)| a[1] * b[0] - b[1] * a[0]).sum::<f64>().abs()
}

fn plan_image(path: &Path) -> Result<Raster, String> {
    let meta = std::fs::metadata(path).map_err(|e| format!("cannot be read: {e}"))?;
    if !meta.is_file() {
        return Err("is no file; name a PNG, JPEG or WebP picture".into());
    }
    if meta.len() > MAX_PLAN_BYTES {
        return Err(format!(
            "has {} bytes; a plan has at most {MAX_PLAN_BYTES}: save it smaller, or as JPEG or WebP",
            meta.len()
        ));
    }
    let mut head = Vec::new();
    File::open(path)
        .and_then(|file| file.take(16).read_to_end(&mut head))
        .map_err(|e| format!("cannot be read: {e}"))?;
    Raster::of(&head).ok_or_else(|| "is no PNG, JPEG or WebP picture; save it as one of these".into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::parse;

    /// The sentences about a text, each with its line and key.
    fn said(text: &str) -> Vec<String> {
        let problems = parse("t.toml", text).err().map(|e| e.problems).unwrap_or_default();
        problems.into_iter().map(|p| format!("{} {}: {}", p.line, p.key, p.message)).collect()
    }

    const AREA: &str = "[[area]]\nid = \"a\"\nname = \"A\"\nkind = \"grid\"\n";

    fn plan(image: &Path, corners: &str) -> String {
        format!(
            "{AREA}[[map.plan]]\nid = \"p\"\nname = \"Hall\"\narea = \"a\"\nimage = {:?}\ncorners = {corners}\n",
            image.display().to_string()
        )
    }

    #[test]
    fn a_good_map_is_good() {
        let dir = tempfile::tempdir().unwrap();
        let image = dir.path().join("hall.png");
        std::fs::write(&image, b"\x89PNG\r\n\x1a\n").unwrap();
        let text = format!(
            "[map]\ntiles = {:?}\nmin_zoom = 3\nmax_zoom = 16\nbounds = [22, 113.5, 23.1, 114.5]\n{}polygon = [[22.5, 114], [22.6, 114], [22.6, 114.1]]\n",
            dir.path().display().to_string(),
            AREA
        );
        let config = parse("t.toml", &text).unwrap();
        assert_eq!((config.map.bounds.unwrap()[0], config.area[0].polygon.len()), (22.0, 3));
        let three = plan(&image, "[[22.6, 114.0], [22.6, 114.1], [22.5, 114.1]]");
        let config = parse("t.toml", &three).unwrap();
        let [.., last] = config.map.plan[0].four().unwrap();
        assert!((last[0] - 22.5).abs() < 1e-9 && (last[1] - 114.0).abs() < 1e-9, "{last:?}");
    }

    #[test]
    fn what_is_wrong_is_named_with_what_would_be_right() {
        let dir = tempfile::tempdir().unwrap();
        let (image, text) = (dir.path().join("a.png"), dir.path().join("b.png"));
        std::fs::write(&image, b"\x89PNG\r\n\x1a\n").unwrap();
        std::fs::write(&text, "<svg onload=alert(1)>").unwrap();
        let square = "[[2.0, 1.0], [2.0, 2.0], [1.0, 2.0], [1.0, 1.0]]";
        for (toml, needle) in [
            ("[map]\ntiles = \"/nowhere\"\n".to_owned(), "2 map.tiles: '/nowhere' is no folder"),
            ("[map]\nmax_zoom = 40\n".to_owned(), "2 map.max_zoom: is 40; must be 0 to 22"),
            ("[map]\nmin_zoom = 9\nmax_zoom = 4\n".to_owned(), "exchange them"),
            ("[map]\nbounds = [113.5, 22.0, 114.5, 23.0]\n".to_owned(), "interchanged?"),
            ("[map]\nbounds = [23.0, 113.0, 22.0, 114.0]\n".to_owned(), "south must be below north"),
            (format!("{AREA}polygon = [[1.0, 1.0], [2.0, 2.0]]\n"), "5 area[0].polygon: has 2 points; a border has 3"),
            (format!("{AREA}polygon = [[1.0, 1.0], [2.0, 2.0], [3.0, 3.0]]\n"), "encloses nothing"),
            (format!("{AREA}polygon = [[114.0, 22.0], [114.1, 22.0], [114.1, 22.1]]\n"), "interchanged?"),
            (plan(&dir.path().join("no.png"), square), "9 map.plan[0].image: "),
            (plan(&text, square), "is no PNG, JPEG or WebP picture"),
            (plan(dir.path(), square), "is no file"),
            (plan(&image, "[[2.0, 1.0], [2.0, 2.0]]"), "has 2 points; a plan has 3 or 4"),
            (plan(&image, "[[2.0, 1.0], [1.0, 2.0], [2.0, 2.0], [1.0, 1.0]]"), "do not go round"),
            // Face down.
            (plan(&image, "[[2.0, 2.0], [2.0, 1.0], [1.0, 1.0], [1.0, 2.0]]"), "do not go round"),
            (plan(&image, square).replace("area = \"a\"", "area = \"b\""), "map.plan[0].area: no area has the id 'b'"),
        ] {
            let found = said(&toml);
            assert!(found.len() == 1 && found[0].contains(needle), "{toml}\n{found:?}");
        }
        assert!(said(&plan(&image, square)).is_empty());
    }

    #[test]
    fn pictures_are_told_by_their_bytes() {
        assert_eq!(Raster::of(b"RIFF\0\0\0\0WEBPVP8 "), Some(Raster::Webp));
        assert_eq!(Raster::of(&[0xff, 0xd8, 0xff, 0xe0]), Some(Raster::Jpeg));
        for bad in [&b"<svg"[..], b"RIFF", b"", b"GIF89a"] {
            assert_eq!(Raster::of(bad), None, "{bad:?}");
        }
    }
}
