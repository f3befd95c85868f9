//! Requests that name some fields of a stored object: read into the object that shall be, by the configuration's own types,
//! so that a key which the configuration gains can be set without a line here.

use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};

use crate::web::error::ApiError;

pub type Fields = Map<String, Value>;

/// `base` with these fields in place; null puts a field back to what it is when nothing is said.
pub fn changed<T: Serialize + DeserializeOwned>(base: &T, fields: &Fields) -> Result<T, ApiError> {
    if fields.contains_key("id") {
        return Err(ApiError::invalid("id: ids never change; make a new one and remove this one"));
    }
    let start = plain(base)?;
    read(&start, fields)
}

/// An object of these fields alone.
pub fn made<T: DeserializeOwned>(fields: &Fields) -> Result<T, ApiError> {
    read(&Fields::new(), fields)
}

/// By way of the text: a share such as 0.3 stays what it is and does not become its nearest double.
fn plain<T: Serialize>(object: &T) -> Result<Fields, ApiError> {
    let text = serde_json::to_string(object).map_err(|e| ApiError::unavailable(&e))?;
    serde_json::from_str(&text).map_err(|e| ApiError::unavailable(&e))
}

fn read<T: DeserializeOwned>(start: &Fields, fields: &Fields) -> Result<T, ApiError> {
    let with = |some: &mut dyn Iterator<Item = (&String, &Value)>| {
        let mut all = start.clone();
        for (key, value) in some {
            match value {
                Value::Null => drop(all.remove(key)),
                value => drop(all.insert(key.clone(), value.clone())),
            }
        }
        serde_json::from_value::<T>(Value::Object(all))
    };
    with(&mut fields.iter()).map_err(|whole| {
        // The library's sentence may repeat what was sent, and what was sent may be a password in an address.
        let bad = fields.iter().find(|(key, value)| {
            let error = with(&mut std::iter::once((*key, *value))).err().map(|e| e.to_string());
            error.is_some_and(|e| !e.starts_with("missing field"))
        });
        match bad {
            Some((key, _)) if whole.to_string().starts_with("unknown field") => {
                ApiError::invalid(format!("{}: there is no such field", shortened(key)))
            }
            Some((key, _)) => {
                ApiError::invalid(format!("{key}: is of another type, or none of the words that are known"))
            }
            None => ApiError::invalid(format!("the body does not fit: {whole}")),
        }
    })
}

fn shortened(key: &str) -> String {
    key.chars().take(40).filter(|c| !c.is_control()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Channel;

    fn fields(text: &str) -> Fields {
        serde_json::from_str(text).unwrap()
    }

    fn channel() -> Channel {
        made(&fields(r#"{"id":"a","url":"rtsp://10.0.0.1/","weight":0.3,"name":"Gate"}"#)).unwrap()
    }

    #[test]
    fn only_what_is_named_changes_and_null_puts_back() {
        let after: Channel = changed(&channel(), &fields(r#"{"enabled":false,"name":null}"#)).unwrap();
        assert_eq!(after, Channel { enabled: false, name: String::new(), ..channel() });
    }

    #[test]
    fn what_does_not_fit_is_named_and_not_repeated() {
        for (body, needle) in [
            (r#"{"id":"b"}"#, "id:"),
            (r#"{"weight":"rtsp://u:canary@h/"}"#, "weight:"),
            (r#"{"wieght":1.0}"#, "wieght: there is no such field"),
            (r#"{"transport":"canary"}"#, "transport:"),
            (r#"{"url":null}"#, "url"),
        ] {
            let error = format!("{:?}", changed(&channel(), &fields(body)).unwrap_err());
            assert!(error.contains(needle) && !error.contains("canary"), "{body}: {error}");
        }
        let error = format!("{:?}", made::<Channel>(&fields(r#"{"id":"a"}"#)).unwrap_err());
        assert!(error.contains("url"), "{error}");
    }
}
