//! A small, bounded XML reader: bytes of a device in, a tree of elements out.
//!
//! Names are local names: makers differ in prefixes and agree in names. There are no DTDs and no entities but the five
//! of XML and character references, so nothing grows; size, depth, number of elements and attributes are bounded, and
//! what is beyond them is an error, not a part.

use std::borrow::Cow;

use quick_xml::{Reader, XmlVersion, events::Event};

/// Largest document.
pub const MAX_BYTES: usize = 1 << 20;
/// Deepest element; ONVIF goes to about twelve.
pub const MAX_DEPTH: usize = 40;
/// Most elements of a document; the profiles of a recorder with 64 channels have some thousands.
pub const MAX_ELEMENTS: usize = 30_000;
const MAX_ATTRIBUTES: usize = 64;

/// Why a document is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum XmlError {
    #[error("the XML is over {MAX_BYTES} bytes")]
    TooLarge,
    #[error("the XML is nested deeper than {MAX_DEPTH} elements")]
    TooDeep,
    #[error("the XML has over {MAX_ELEMENTS} elements or an element over {MAX_ATTRIBUTES} attributes")]
    TooMany,
    #[error("the XML has a DOCTYPE; no device needs one")]
    Doctype,
    #[error("the XML uses an entity that it does not have")]
    Entity,
    #[error("it is no XML: {0}")]
    Broken(String),
}

/// One element with everything in it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Element {
    /// Without its prefix.
    pub name: String,
    /// Local names and values; without the declarations of namespaces.
    attributes: Vec<(String, String)>,
    text: String,
    pub children: Vec<Element>,
}

impl Element {
    /// Its own text, trimmed.
    pub fn text(&self) -> &str {
        self.text.trim()
    }

    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(n, _)| n == name).map(|(_, v)| v.trim())
    }

    /// The first child of that name.
    pub fn child(&self, name: &str) -> Option<&Element> {
        self.children.iter().find(|c| c.name == name)
    }

    /// The element at a path of children.
    pub fn at(&self, path: &[&str]) -> Option<&Element> {
        path.iter().try_fold(self, |at, name| at.child(name))
    }

    /// Text at a path of children; `None` where it is empty.
    pub fn text_at(&self, path: &[&str]) -> Option<&str> {
        self.at(path).map(Element::text).filter(|t| !t.is_empty())
    }

    /// The first element of that name, itself or below, in the order of the document.
    pub fn find(&self, name: &str) -> Option<&Element> {
        if self.name == name { Some(self) } else { self.children.iter().find_map(|c| c.find(name)) }
    }

    /// All elements of that name, itself or below, in the order of the document.
    pub fn all<'a>(&'a self, name: &str) -> Vec<&'a Element> {
        let mut found = Vec::new();
        self.collect(name, &mut found);
        found
    }

    fn collect<'a>(&'a self, name: &str, found: &mut Vec<&'a Element>) {
        if self.name == name {
            found.push(self);
        }
        self.children.iter().for_each(|c| c.collect(name, found));
    }
}

/// Reads a document. Bytes that are no UTF-8 become U+FFFD: names in another encoding are garbled, the rest is read.
pub fn parse(bytes: &[u8]) -> Result<Element, XmlError> {
    if bytes.len() > MAX_BYTES {
        return Err(XmlError::TooLarge);
    }
    let text = String::from_utf8_lossy(bytes);
    let text = text.trim_start_matches('\u{feff}').trim();
    let mut reader = Reader::from_str(text);
    let mut open: Vec<Element> = Vec::new();
    let mut root = None;
    let mut elements = 0;
    loop {
        match reader.read_event().map_err(broken)? {
            Event::Start(start) => {
                let element = begin(&start, &mut elements)?;
                if open.len() >= MAX_DEPTH {
                    return Err(XmlError::TooDeep);
                }
                open.push(element);
            }
            Event::Empty(start) => {
                let element = begin(&start, &mut elements)?;
                close(element, &mut open, &mut root);
            }
            Event::End(_) => {
                // The reader has checked that the names match.
                if let Some(element) = open.pop() {
                    close(element, &mut open, &mut root);
                }
            }
            Event::Text(text) => put(&mut open, &text.xml10_content()),
            Event::CData(text) => put(&mut open, &text.xml10_content()),
            Event::GeneralRef(reference) => {
                let c = match reference.resolve_char_ref().map_err(|_| XmlError::Entity)? {
                    Some(c) => c,
                    None => predefined(&reference.xml10_content()).ok_or(XmlError::Entity)?,
                };
                put(&mut open, c.encode_utf8(&mut [0; 4]));
            }
            Event::DocType(_) => return Err(XmlError::Doctype),
            Event::Decl(_) | Event::PI(_) | Event::Comment(_) => {}
            Event::Eof => break,
        }
    }
    if !open.is_empty() {
        return Err(XmlError::Broken("it ends in the middle of an element".into()));
    }
    root.ok_or_else(|| XmlError::Broken("it has no element".into()))
}

/// A text for an element or an attribute.
pub fn escaped(text: &str) -> Cow<'_, str> {
    quick_xml::escape::escape(text)
}

fn broken(e: impl std::fmt::Display) -> XmlError {
    // What was sent may stand in the sentence.
    XmlError::Broken(super::shown(&e.to_string(), 120))
}

fn predefined(name: &str) -> Option<char> {
    match name {
        "lt" => Some('<'),
        "gt" => Some('>'),
        "amp" => Some('&'),
        "apos" => Some('\''),
        "quot" => Some('"'),
        _ => None,
    }
}

fn begin(start: &quick_xml::events::BytesStart<'_>, elements: &mut usize) -> Result<Element, XmlError> {
    *elements += 1;
    if *elements > MAX_ELEMENTS {
        return Err(XmlError::TooMany);
    }
    let mut element = Element { name: start.local_name().as_ref().to_owned(), ..Element::default() };
    for attribute in start.attributes() {
        let attribute = attribute.map_err(broken)?;
        if attribute.key.as_namespace_binding().is_some() {
            continue;
        }
        if element.attributes.len() >= MAX_ATTRIBUTES {
            return Err(XmlError::TooMany);
        }
        let value = attribute.normalized_value(XmlVersion::Explicit1_0).map_err(|_| XmlError::Entity)?;
        element.attributes.push((attribute.key.local_name().as_ref().to_owned(), value.into_owned()));
    }
    Ok(element)
}

fn close(element: Element, open: &mut [Element], root: &mut Option<Element>) {
    match open.last_mut() {
        Some(parent) => parent.children.push(element),
        // A second root is no XML; the first one counts.
        None => _ = root.get_or_insert(element),
    }
}

fn put(open: &mut [Element], text: &str) {
    if let Some(element) = open.last_mut() {
        element.text.push_str(text);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn prefixes_do_not_matter_and_references_are_read() {
        let root = parse(
            br#"<?xml version="1.0"?><!-- c --><e:Envelope xmlns:e="x" e:a=" 1 &lt; 2 "><B>t&#228;gl&amp;<![CDATA[<ich>]]></B><e:B/></e:Envelope>"#,
        )
        .unwrap();
        assert_eq!((root.name.as_str(), root.attribute("a")), ("Envelope", Some("1 < 2")));
        assert_eq!(root.attribute("e"), None, "a namespace is no attribute");
        assert_eq!(root.text_at(&["B"]), Some("tägl&<ich>"));
        assert_eq!(root.all("B").len(), 2);
        assert_eq!(root.find("B").map(Element::text), Some("tägl&<ich>"));
    }

    #[test]
    fn bombs_are_refused() {
        let laughs = br#"<!DOCTYPE a [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><a>&b;</a>"#;
        assert_eq!(parse(laughs), Err(XmlError::Doctype));
        assert_eq!(parse(b"<a>&b;</a>"), Err(XmlError::Entity));
        assert_eq!(parse(b"<a b='&c;'/>"), Err(XmlError::Entity));
        assert_eq!(parse("<a>".repeat(10_000).as_bytes()), Err(XmlError::TooDeep));
        assert_eq!(parse(format!("<a>{}</a>", "<b/>".repeat(MAX_ELEMENTS)).as_bytes()), Err(XmlError::TooMany));
        let many: String = (0..100).map(|n| format!(" a{n}=''")).collect();
        assert_eq!(parse(format!("<a{many}/>").as_bytes()), Err(XmlError::TooMany));
        assert_eq!(parse(&vec![b' '; MAX_BYTES + 1]), Err(XmlError::TooLarge));
        for bad in ["", "x", "<a>", "<a></b>", "</a>", "<a", "\u{0}"] {
            assert!(matches!(parse(bad.as_bytes()), Err(XmlError::Broken(_))), "{bad:?}: {:?}", parse(bad.as_bytes()));
        }
    }

    fn written(e: &Element) -> String {
        let attributes: String = e.attributes.iter().map(|(n, v)| format!(" {n}=\"{}\"", escaped(v))).collect();
        let children: String = e.children.iter().map(written).collect();
        format!("<p:{}{attributes}>{}{children}</p:{}>", e.name, escaped(&e.text), e.name)
    }

    fn tree() -> impl Strategy<Value = Element> {
        let leaf =
            ("[A-Z][a-z]{0,5}", "[ -~ä摄像头]{0,12}", prop::collection::btree_map("[a-z]{1,4}", "[!-~摄]{0,6}", 0..3))
                .prop_map(|(name, text, attributes)| Element {
                    name,
                    text,
                    attributes: attributes.into_iter().collect(),
                    children: Vec::new(),
                });
        leaf.prop_recursive(4, 24, 4, |inner| {
            ("[A-Z][a-z]{0,5}", prop::collection::vec(inner, 0..4)).prop_map(|(name, children)| Element {
                name,
                children,
                ..Element::default()
            })
        })
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(tree in tree()) {
            prop_assert_eq!(parse(written(&tree).as_bytes()).unwrap(), tree);
        }

        #[test]
        fn any_bytes_are_answered(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            drop(parse(&bytes));
        }

        #[test]
        fn any_markup_is_answered_within_its_bounds(text in "([<>/&;!\\[\\]\"'=? a-c:#x0-9-]|<a>|</a>|<a b='c'>|<!\\[CDATA\\[|\\]\\]>|&#x41;){0,80}") {
            if let Ok(root) = parse(text.as_bytes()) {
                fn depth(e: &Element) -> usize { 1 + e.children.iter().map(depth).max().unwrap_or(0) }
                fn size(e: &Element) -> usize { e.text.len() + e.children.iter().map(size).sum::<usize>() }
                prop_assert!(depth(&root) <= MAX_DEPTH);
                prop_assert!(size(&root) <= text.len());
            }
        }
    }
}
