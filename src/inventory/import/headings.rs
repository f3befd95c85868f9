//! Which column says what: the headings of lists as they are kept, in Chinese and English.
//!
//! A heading is compared without spaces, signs and what stands in brackets. What is guessed so is shown in the plan, and
//! the caller's own mapping goes before it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use super::field::{Field, LEVELS, Part, field_of};
use crate::config::AreaKind;
use crate::inventory::Kind;

/// A column and what it is taken for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Column {
    /// From 1; of TOML and JSON the order in which keys appear.
    pub column: usize,
    pub heading: String,
    /// Name of the field; null: the column is not read.
    pub field: Option<String>,
    /// By the heading alone, not by the caller's mapping.
    pub guessed: bool,
}

/// Headings besides the field's own name, as `plain` leaves them.
const CHANNEL: [(Field, &[&str]); 25] = [
    (Field::Id, &["通道id", "channelid", "平台编号", "系统编号"]),
    (
        Field::Name,
        &[
            "名称",
            "点位名称",
            "摄像机名称",
            "摄像头名称",
            "通道名称",
            "设备名称",
            "监控点名称",
            "点位",
            "cameraname",
            "channelname",
            "camera",
            "devicename",
            "title",
        ],
    ),
    (
        Field::ExternalId,
        &[
            "通道编号",
            "编码",
            "国标编码",
            "国标编号",
            "设备编号",
            "设备编码",
            "通道编码",
            "点位编号",
            "点位编码",
            "摄像机编号",
            "摄像机编码",
            "编号",
            "国标id",
            "externalid",
            "code",
            "cameracode",
            "devicecode",
            "deviceid",
            "gbid",
            "nationalcode",
            "number",
        ],
    ),
    (
        Field::Url,
        &[
            "地址",
            "rtsp地址",
            "取流地址",
            "流地址",
            "子码流地址",
            "rtsp",
            "rtspurl",
            "streamurl",
            "suburl",
            "suburi",
            "substream",
            "address",
            "uri",
        ],
    ),
    (Field::MainUrl, &["主码流地址", "主码流", "mainurl", "mainstream", "mainuri"]),
    (
        Field::Host,
        &[
            "ip",
            "ip地址",
            "设备ip",
            "主机",
            "主机地址",
            "摄像机ip",
            "录像机ip",
            "nvrip",
            "ipaddress",
            "hostname",
            "recorder",
        ],
    ),
    (Field::Port, &["端口", "端口号", "rtsp端口", "rtspport"]),
    (Field::ChannelNo, &["通道号", "通道序号", "通道", "channelno", "channelnumber", "channel"]),
    (
        Field::Brand,
        &["品牌", "厂商", "厂家", "设备厂商", "制造商", "生产厂家", "vendor", "manufacturer", "maker", "make"],
    ),
    (Field::Username, &["用户名", "账号", "帐号", "用户", "登录名", "user", "login", "account"]),
    (Field::Password, &["密码", "口令", "登录密码", "pass", "pwd"]),
    (Field::Credential, &["凭据", "凭证"]),
    (Field::Area, &["区域", "区域编号", "所属区域", "areaid"]),
    (Field::Level(AreaKind::District), &["区", "区县", "行政区", "所属区县"]),
    (Field::Level(AreaKind::Street), &["街道", "所属街道", "镇街", "街镇", "乡镇", "subdistrict"]),
    (Field::Level(AreaKind::Community), &["社区", "所属社区", "村居", "居委会"]),
    (Field::Level(AreaKind::Grid), &["网格", "所属网格", "网格名称"]),
    (Field::Level(AreaKind::MicroGrid), &["微网格", "所属微网格", "微网格名称"]),
    (Field::Transport, &["传输方式", "传输协议", "传输", "protocol"]),
    (Field::Tls, &["证书", "证书校验", "certificate"]),
    (Field::Stream, &["码流", "码流类型", "streamtype"]),
    (Field::Enabled, &["启用", "是否启用", "状态", "active"]),
    (Field::Weight, &["权重"]),
    (Field::Tags, &["标签", "tag", "labels"]),
    (Field::Lat, &["纬度", "latitude"]),
];
const LON: &[&str] = &["经度", "longitude", "lng"];
const AREA: [(Field, &[&str]); 5] = [
    (Field::Id, &["区域id", "区域编号", "编号", "编码", "areaid", "code"]),
    (Field::Name, &["名称", "区域名称", "areaname"]),
    (Field::Kind, &["类型", "级别", "层级", "区域类型", "level", "type"]),
    (Field::Parent, &["上级", "上级区域", "上级编号", "父级", "所属区域", "parentid"]),
    (Field::Lat, &["纬度", "latitude"]),
];
/// Of people; a number may stand behind.
const PEOPLE: [(Part, &[&str]); 4] = [
    (Part::Name, &["person", "负责人", "责任人", "网格员", "网格长", "联系人", "姓名", "contact", "officer"]),
    (Part::Role, &["role", "职务", "角色", "岗位", "position"]),
    (Part::Phone, &["phone", "电话", "联系电话", "手机", "手机号", "手机号码", "tel", "telephone", "mobile"]),
    (Part::Email, &["email", "邮箱", "电子邮箱", "邮件", "mail"]),
];

/// Without case, spaces, signs and brackets with what is in them.
fn plain(heading: &str) -> String {
    let mut depth = 0u32;
    let mut text = String::new();
    for c in heading.chars() {
        match c {
            '(' | '（' | '[' | '【' => depth += 1,
            ')' | '）' | ']' | '】' => depth = depth.saturating_sub(1),
            _ if depth == 0 && c.is_alphanumeric() => text.extend(c.to_lowercase()),
            _ => {}
        }
    }
    text
}

fn guess(kind: Kind, heading: &str) -> Option<Field> {
    if let Some(field) = field_of(kind, heading.trim()) {
        return Some(field);
    }
    let plain = plain(heading);
    if plain.is_empty() {
        return None;
    }
    if let Some(field) = super::field::fields_of(kind).into_iter().find(|f| self::plain(&f.name()) == plain) {
        return Some(field);
    }
    if LON.contains(&plain.as_str()) {
        return Some(Field::Lon);
    }
    if kind == Kind::Area {
        let stem = plain.trim_end_matches(|c: char| c.is_ascii_digit());
        let n = plain[stem.len()..].parse().ok().or_else(|| plain[stem.len()..].is_empty().then_some(1u8));
        let part = PEOPLE.iter().find(|(_, names)| names.contains(&stem)).map(|(part, _)| *part);
        if let (Some(part), Some(n @ 1..=20)) = (part, n) {
            return Some(Field::Person(n, part));
        }
        let levels = CHANNEL.iter().filter(|(f, _)| LEVELS.iter().any(|l| *f == Field::Level(*l)));
        return AREA.iter().chain(levels).find(|(_, names)| names.contains(&plain.as_str())).map(|(f, _)| *f);
    }
    CHANNEL.iter().find(|(_, names)| names.contains(&plain.as_str())).map(|(f, _)| *f)
}

/// What the columns are taken for. `map`: heading to field name, or to nothing. The error is a sentence.
pub fn columns(
    kind: Kind,
    headings: &[String],
    map: &BTreeMap<String, String>,
) -> Result<Vec<(Column, Option<Field>)>, String> {
    for (heading, field) in map {
        if !field.is_empty() && field_of(kind, field).is_none() {
            let known: Vec<_> = super::field::fields_of(kind).iter().take(31).map(|f| f.name()).collect();
            return Err(format!("the mapping of '{heading}': '{field}' is no field; one of {}", known.join(", ")));
        }
        if !headings.iter().any(|h| same(h, heading)) {
            return Err(format!("the mapping names the heading '{heading}', which the file does not have"));
        }
    }
    let mut found: Vec<(Column, Option<Field>)> = Vec::new();
    for (i, heading) in headings.iter().enumerate() {
        let chosen = map.iter().find(|(h, _)| same(h, heading)).map(|(_, f)| f);
        let field = match chosen {
            Some(name) => field_of(kind, name),
            None => guess(kind, heading),
        };
        let before = found.iter().find(|(_, f)| field.is_some() && *f == field).map(|(c, _)| c.heading.clone());
        let field = match before {
            // What somebody maps on purpose twice is a mistake; what is guessed twice is a guess less.
            Some(before) if chosen.is_some() => {
                return Err(format!(
                    "the columns '{before}' and '{heading}' are both {}; map one of them to nothing",
                    field.map(Field::name).unwrap_or_default()
                ));
            }
            Some(_) => None,
            None => field,
        };
        let column = Column {
            column: i + 1,
            heading: heading.clone(),
            field: field.map(Field::name),
            guessed: chosen.is_none() && field.is_some(),
        };
        found.push((column, field));
    }
    Ok(found)
}

fn same(a: &str, b: &str) -> bool {
    a.trim() == b.trim()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(kind: Kind, headings: &[&str], map: &[(&str, &str)]) -> Result<Vec<Option<String>>, String> {
        let headings: Vec<_> = headings.iter().map(|h| h.to_string()).collect();
        let map = map.iter().map(|(a, b)| (a.to_string(), b.to_string())).collect();
        Ok(columns(kind, &headings, &map)?.into_iter().map(|(c, _)| c.field).collect())
    }

    #[test]
    fn chinese_and_english_headings_are_known() {
        let mut known = Vec::new();
        for (heading, field) in [
            ("国标编码", "external_id"),
            ("通道编号", "external_id"),
            ("点位名称", "name"),
            ("摄像机名称 (必填)", "name"),
            ("RTSP地址", "url"),
            ("取流地址", "url"),
            ("IP地址", "host"),
            ("端口", "port"),
            ("通道号", "channel_no"),
            ("厂商", "brand"),
            ("用户名", "username"),
            ("密码", "password"),
            ("街道", "street"),
            ("社区", "community"),
            ("网格", "grid"),
            ("微网格", "micro_grid"),
            ("经度", "lon"),
            ("纬度（WGS84）", "lat"),
            ("标签", "tags"),
            ("启用", "enabled"),
            ("码流", "stream"),
            ("Camera Name", "name"),
            ("Channel No.", "channel_no"),
            ("IP Address", "host"),
            ("External ID", "external_id"),
            ("main_url", "main_url"),
        ] {
            let got = read(Kind::Channel, &[heading], &[]).unwrap();
            assert_eq!(got, [Some(field.to_owned())], "{heading}");
            known.push(got);
        }
        assert_eq!(read(Kind::Channel, &["备注", ""], &[]).unwrap(), [None, None]);
        for (heading, field) in [("负责人", "person_1"), ("电话2", "phone_2"), ("类型", "kind"), ("街道", "street")]
        {
            assert_eq!(read(Kind::Area, &[heading], &[]).unwrap(), [Some(field.to_owned())], "{heading}");
        }
    }

    #[test]
    fn the_callers_mapping_goes_first_and_must_fit() {
        let headings = ["编号", "地址"];
        assert_eq!(
            read(Kind::Channel, &headings, &[("编号", "id"), ("地址", "")]).unwrap(),
            [Some("id".to_owned()), None]
        );
        assert!(read(Kind::Channel, &headings, &[("编号", "colour")]).unwrap_err().contains("colour"));
        assert!(read(Kind::Channel, &headings, &[("nummer", "id")]).unwrap_err().contains("nummer"));
        let twice = read(Kind::Channel, &headings, &[("编号", "id"), ("地址", "id")]).unwrap_err();
        assert!(twice.contains("编号") && twice.contains("地址"), "{twice}");
        assert_eq!(
            read(Kind::Channel, &["名称", "设备名称"], &[]).unwrap(),
            [Some("name".to_owned()), None],
            "of two guesses the first counts"
        );
    }

    #[test]
    fn every_field_has_one_meaning_only() {
        for (i, (field, names)) in CHANNEL.iter().enumerate() {
            for name in names.iter() {
                assert_eq!(plain(name), *name, "{field:?}");
                let twice = CHANNEL[i + 1..].iter().any(|(_, others)| others.contains(name)) || LON.contains(name);
                assert!(!twice, "{name} stands twice");
            }
        }
    }
}
