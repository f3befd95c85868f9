//! TOML and JSON: the same tables as in a configuration, `[[channel]]` or `{"channel": [...]}`, or a bare list.
//!
//! Bounded while it is read: rows, keys of a row, values in it, the length of a text. A table that is too much is named by
//! its number, the rest of it is not kept.

use std::{cell::Cell, fmt};

use serde::{
    Deserializer,
    de::{DeserializeSeed, Error, IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use serde_json::{Map, Value};

use super::{MAX_ROWS, table::MAX_CELL};

/// Values in one table, those in lists and tables of it too: 32 zones of 64 points are some 6,000.
const MAX_VALUES: usize = 20_000;

/// Takes one table.
type Take<'a> = &'a mut dyn FnMut(Map<String, Value>);

pub fn no_list(name: &str) -> String {
    format!("there is no list \"{name}\" in it")
}

pub fn too_many() -> String {
    format!("there are more than {MAX_ROWS} tables in the list; import it in parts")
}

/// Gives each table under `name` to `take`, in order; `false` where there is no such list.
pub fn read<'de, D: Deserializer<'de>>(source: D, name: &str, take: Take<'_>) -> Result<bool, D::Error> {
    source.deserialize_any(Whole { name, take })
}

struct Whole<'a> {
    name: &'a str,
    take: Take<'a>,
}

impl<'de> Visitor<'de> for Whole<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a table with the list \"{}\", or the list itself", self.name)
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<bool, A::Error> {
        let mut found = false;
        while let Some(key) = map.next_key::<String>()? {
            if key == self.name && !found {
                found = true;
                map.next_value_seed(Rows { take: self.take })?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }
    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<bool, A::Error> {
        Rows { take: self.take }.visit_seq(seq).map(|()| true)
    }
}

struct Rows<'a> {
    take: Take<'a>,
}

impl<'de> DeserializeSeed<'de> for Rows<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, source: D) -> Result<(), D::Error> {
        source.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Rows<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of tables")
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        for number in 1.. {
            let left = Cell::new(MAX_VALUES);
            match seq.next_element_seed(Bounded { left: &left })? {
                None => break,
                Some(_) if number > MAX_ROWS => {
                    return Err(A::Error::custom(too_many()));
                }
                Some(Value::Object(map)) => (self.take)(map),
                Some(_) => return Err(A::Error::custom(format!("number {number} of the list is no table"))),
            }
        }
        Ok(())
    }
}

/// Any value, as long as there is room.
#[derive(Clone, Copy)]
struct Bounded<'a> {
    left: &'a Cell<usize>,
}

impl Bounded<'_> {
    fn count<E: Error>(self) -> Result<(), E> {
        match self.left.get().checked_sub(1) {
            Some(left) => {
                self.left.set(left);
                Ok(())
            }
            None => Err(E::custom(format!("a table holds more than {MAX_VALUES} values"))),
        }
    }
}

impl<'de> DeserializeSeed<'de> for Bounded<'_> {
    type Value = Value;
    fn deserialize<D: Deserializer<'de>>(self, source: D) -> Result<Value, D::Error> {
        source.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Bounded<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }
    fn visit_bool<E: Error>(self, v: bool) -> Result<Value, E> {
        self.count()?;
        Ok(v.into())
    }
    fn visit_i64<E: Error>(self, v: i64) -> Result<Value, E> {
        self.count()?;
        Ok(v.into())
    }
    fn visit_u64<E: Error>(self, v: u64) -> Result<Value, E> {
        self.count()?;
        Ok(v.into())
    }
    fn visit_f64<E: Error>(self, v: f64) -> Result<Value, E> {
        self.count()?;
        Ok(v.into())
    }
    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        self.count()?;
        Ok(Value::Null)
    }
    fn visit_none<E: Error>(self) -> Result<Value, E> {
        self.visit_unit()
    }
    /// One byte beyond the bound is kept, so that the row is refused for it.
    fn visit_str<E: Error>(self, v: &str) -> Result<Value, E> {
        self.count()?;
        let mut end = v.len().min(MAX_CELL + 4);
        while !v.is_char_boundary(end) {
            end -= 1;
        }
        Ok(v[..end].into())
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        self.count()?;
        let mut items = Vec::new();
        while let Some(item) = seq.next_element_seed(self)? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        self.count()?;
        let mut all = Map::new();
        while let Some(key) = map.next_key::<String>()? {
            let value = map.next_value_seed(self)?;
            if all.insert(key.clone(), value).is_some() {
                let key: String = key.chars().take(40).collect();
                return Err(A::Error::custom(format!("the key '{key}' stands twice in one table")));
            }
        }
        Ok(Value::Object(all))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &str) -> Result<Vec<Map<String, Value>>, String> {
        let mut rows = Vec::new();
        let mut source = serde_json::Deserializer::from_str(text);
        let list = read(&mut source, "channel", &mut |row| rows.push(row)).map_err(|e| e.to_string())?;
        if list { Ok(rows) } else { Err(no_list("channel")) }
    }

    #[test]
    fn a_list_under_its_name_or_alone() {
        for text in [r#"{"area": [1], "channel": [{"id": "a"}, {"id": "b"}]}"#, r#"[{"id": "a"}, {"id": "b"}]"#] {
            let rows = json(text).unwrap();
            assert_eq!((rows.len(), rows[1]["id"].as_str()), (2, Some("b")));
        }
        assert!(json("{}").unwrap_err().contains("no list \"channel\""));
        assert!(json("[1]").unwrap_err().contains("number 1"));
        assert!(json(r#"[{"a": 1, "a": 2}]"#).unwrap_err().contains("twice"));
        let toml = "[[channel]]\nid = \"a\"\nzone = [{ id = \"z\" }]\n[[channel]]\nid = \"b\"\n";
        let mut count = 0;
        read(toml::Deserializer::parse(toml).unwrap(), "channel", &mut |_| count += 1).unwrap();
        assert_eq!(count, 2);
    }

    #[test]
    fn what_is_too_much_is_refused_while_it_is_read() {
        let many = format!("[{{\"zone\": [{}1]}}]", "1,".repeat(MAX_VALUES));
        assert!(json(&many).unwrap_err().contains("values"));
        let deep = "[".repeat(100_000);
        assert!(json(&deep).is_err());
        let long = json(&format!("[{{\"name\": \"{}\"}}]", "x".repeat(1 << 20))).unwrap();
        assert!(long[0]["name"].as_str().unwrap().len() > MAX_CELL, "so that it is refused by its row");
    }
}
