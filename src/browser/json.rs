//! Reads the server's JSON in the browser: a tenth of the code that `serde_json` would be there.
//!
//! What makes that one large is written out for every type: an object that comes as an array, and errors that say what was expected, what
//! was found, and where. Our own server sends neither. The server itself reads with `serde_json`.

use std::{borrow::Cow, error::Error, fmt};

use serde::{
    Deserializer,
    de::{self, DeserializeOwned, DeserializeSeed, EnumAccess, IntoDeserializer, MapAccess, SeqAccess, VariantAccess, Visitor},
};

/// It is not what was expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unreadable;

impl fmt::Display for Unreadable {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("not what was expected")
    }
}

impl Error for Unreadable {}

impl de::Error for Unreadable {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self
    }
}

type Read<T> = Result<T, Unreadable>;

/// Reads all of `text`.
pub fn read<T: DeserializeOwned>(text: &str) -> Read<T> {
    let mut reader = Reader { text, at: 0 };
    let value = T::deserialize(&mut reader)?;
    if reader.peek() == END { Ok(value) } else { Err(Unreadable) }
}

/// The text of one member of an object, as it stands there.
pub fn member<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let mut reader = Reader { text, at: 0 };
    reader.expect(b'{').ok()?;
    loop {
        let key = reader.string().ok()?;
        reader.expect(b':').ok()?;
        reader.peek();
        let start = reader.at;
        reader.skip().ok()?;
        if key == name {
            return text.get(start..reader.at);
        }
        reader.expect(b',').ok()?;
    }
}

/// No JSON has it outside of strings.
const END: u8 = 0;

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    fn byte(&self) -> u8 {
        self.text.as_bytes().get(self.at).copied().unwrap_or(END)
    }

    /// The next byte that is no white space.
    fn peek(&mut self) -> u8 {
        while matches!(self.byte(), b' ' | b'\n' | b'\r' | b'\t') {
            self.at += 1;
        }
        self.byte()
    }

    fn eat(&mut self, byte: u8) -> bool {
        let there = self.peek() == byte;
        self.at += usize::from(there);
        there
    }

    fn expect(&mut self, byte: u8) -> Read<()> {
        if self.eat(byte) { Ok(()) } else { Err(Unreadable) }
    }

    /// A number, or one of the three words.
    fn word(&mut self) -> &'a str {
        self.peek();
        let start = self.at;
        while matches!(self.byte(), b'0'..=b'9' | b'a'..=b'z' | b'-' | b'+' | b'.' | b'E') {
            self.at += 1;
        }
        self.text.get(start..self.at).unwrap_or_default()
    }

    fn integer(&mut self) -> Read<i64> {
        self.word().parse().map_err(|_| Unreadable)
    }

    fn null(&mut self) -> Read<()> {
        if self.word() == "null" { Ok(()) } else { Err(Unreadable) }
    }

    fn string(&mut self) -> Read<Cow<'a, str>> {
        self.expect(b'"')?;
        let mut whole = Cow::Borrowed("");
        loop {
            let start = self.at;
            while !matches!(self.byte(), b'"' | b'\\' | END) {
                self.at += 1;
            }
            let piece = self.text.get(start..self.at).ok_or(Unreadable)?;
            if whole.is_empty() {
                whole = Cow::Borrowed(piece);
            } else {
                whole.to_mut().push_str(piece);
            }
            match self.byte() {
                b'"' => {
                    self.at += 1;
                    return Ok(whole);
                }
                b'\\' => {
                    let character = self.escaped()?;
                    whole.to_mut().push(character);
                }
                _ => return Err(Unreadable),
            }
        }
    }

    fn escaped(&mut self) -> Read<char> {
        self.at += 2;
        Ok(match self.text.as_bytes().get(self.at - 1) {
            Some(b'n') => '\n',
            Some(b't') => '\t',
            Some(b'r') => '\r',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'u') => {
                let mut code = self.unit()?;
                if (0xD800..0xDC00).contains(&code) && self.text.get(self.at..self.at + 2) == Some("\\u") {
                    self.at += 2;
                    code = 0x10000 + ((code - 0xD800) << 10) + self.unit()?.checked_sub(0xDC00).ok_or(Unreadable)?;
                }
                char::from_u32(code).ok_or(Unreadable)?
            }
            Some(&byte @ (b'"' | b'\\' | b'/')) => byte.into(),
            _ => return Err(Unreadable),
        })
    }

    fn unit(&mut self) -> Read<u32> {
        let digits = self.text.get(self.at..self.at + 4).ok_or(Unreadable)?;
        self.at += 4;
        u32::from_str_radix(digits, 16).map_err(|_| Unreadable)
    }

    /// Goes behind a value, whatever it is.
    fn skip(&mut self) -> Read<()> {
        let mut depth = 0_usize;
        loop {
            match self.peek() {
                b'"' => drop(self.string()?),
                b'{' | b'[' => {
                    self.at += 1;
                    depth += 1;
                }
                b'}' | b']' if depth > 0 => {
                    self.at += 1;
                    depth -= 1;
                }
                b',' | b':' if depth > 0 => self.at += 1,
                _ if self.word().is_empty() => return Err(Unreadable),
                _ => {}
            }
            if depth == 0 {
                return Ok(());
            }
        }
    }
}

impl<'de> Deserializer<'de> for &mut Reader<'_> {
    type Error = Unreadable;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
        match self.peek() {
            b'"' => self.deserialize_str(visitor),
            b'{' => self.deserialize_map(visitor),
            b'[' => self.deserialize_seq(visitor),
            b'n' => self.deserialize_unit(visitor),
            b't' | b'f' => self.deserialize_bool(visitor),
            _ => {
                let word = self.word();
                if let Ok(number) = word.parse() {
                    visitor.visit_u64(number)
                } else if let Ok(number) = word.parse() {
                    visitor.visit_i64(number)
                } else {
                    visitor.visit_f64(word.parse().map_err(|_| Unreadable)?)
                }
            }
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
        visitor.visit_bool(self.word().parse().map_err(|_| Unreadable)?)
    }
    fn deserialize_i8<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
        visitor.visit_i64(self.integer()?)
    }
    fn deserialize_i16<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
        visitor.visit_i64(self.integer()?)
    }
    fn deserialize_i32<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
        visitor.visit_i64(self.integer()?)
    }
    fn deserialize_i64<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
        visitor.visit_i64(self.integer()?)
    }
    fn deserialize_u8<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
        visitor.visit_i64(self.integer()?)
    }
    fn deserialize_u16<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
        visitor.visit_i64(self.integer()?)
    }
    fn deserialize_u32<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
        visitor.visit_i64(self.integer()?)
    }
    fn deserialize_u64<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
        visitor.visit_u64(self.word().parse().map_err(|_| Unreadable)?)
    }
    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
        self.deserialize_f64(visitor)
    }
    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
        visitor.visit_f64(self.word().parse().map_err(|_| Unreadable)?)
    }
    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
        self.deserialize_str(visitor)
    }
    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
        visitor.visit_str(&self.string()?)
    }
    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
        self.deserialize_str(visitor)
    }
    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
        self.deserialize_any(visitor)
    }
    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
        self.deserialize_any(visitor)
    }
    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
        if self.peek() == b'n' {
            self.null()?;
            visitor.visit_none()
        } else {
            visitor.visit_some(self)
        }
    }
    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
        self.null()?;
        visitor.visit_unit()
    }
    fn deserialize_unit_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Read<V::Value> {
        self.deserialize_unit(visitor)
    }
    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Read<V::Value> {
        visitor.visit_newtype_struct(self)
    }
    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
        let mut items = Items::begin(self, b'[', b']')?;
        let value = visitor.visit_seq(&mut items)?;
        items.end()?;
        Ok(value)
    }
    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Read<V::Value> {
        self.deserialize_seq(visitor)
    }
    fn deserialize_tuple_struct<V: Visitor<'de>>(self, _: &'static str, _: usize, visitor: V) -> Read<V::Value> {
        self.deserialize_seq(visitor)
    }
    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
        let mut items = Items::begin(self, b'{', b'}')?;
        let value = visitor.visit_map(&mut items)?;
        items.end()?;
        Ok(value)
    }
    fn deserialize_struct<V: Visitor<'de>>(self, _: &'static str, _: &'static [&'static str], visitor: V) -> Read<V::Value> {
        self.deserialize_map(visitor)
    }
    fn deserialize_enum<V: Visitor<'de>>(self, _: &'static str, _: &'static [&'static str], visitor: V) -> Read<V::Value> {
        if self.peek() == b'"' {
            return visitor.visit_enum((*self.string()?).into_deserializer());
        }
        self.expect(b'{')?;
        let value = visitor.visit_enum(&mut *self)?;
        self.expect(b'}')?;
        Ok(value)
    }
    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
        self.deserialize_str(visitor)
    }
    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
        self.skip()?;
        visitor.visit_unit()
    }
}

/// What is between two brackets.
struct Items<'r, 'a> {
    reader: &'r mut Reader<'a>,
    close: u8,
    first: bool,
    ended: bool,
}

impl<'r, 'a> Items<'r, 'a> {
    fn begin(reader: &'r mut Reader<'a>, open: u8, close: u8) -> Read<Self> {
        reader.expect(open)?;
        Ok(Self { reader, close, first: true, ended: false })
    }

    /// Whether one more follows; then it is next.
    fn more(&mut self) -> Read<bool> {
        if self.ended || self.reader.eat(self.close) {
            self.ended = true;
            return Ok(false);
        }
        if !std::mem::take(&mut self.first) {
            self.reader.expect(b',')?;
        }
        Ok(true)
    }

    fn end(&mut self) -> Read<()> {
        if self.more()? { Err(Unreadable) } else { Ok(()) }
    }
}

impl<'de> SeqAccess<'de> for &mut Items<'_, '_> {
    type Error = Unreadable;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Read<Option<T::Value>> {
        if self.more()? { seed.deserialize(&mut *self.reader).map(Some) } else { Ok(None) }
    }
}

impl<'de> MapAccess<'de> for &mut Items<'_, '_> {
    type Error = Unreadable;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Read<Option<K::Value>> {
        if self.more()? { seed.deserialize(&mut *self.reader).map(Some) } else { Ok(None) }
    }
    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Read<V::Value> {
        self.reader.expect(b':')?;
        seed.deserialize(&mut *self.reader)
    }
}

/// `"name": content`, the inside of the braces around a variant that has a content.
impl<'de> EnumAccess<'de> for &mut Reader<'_> {
    type Error = Unreadable;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Read<(V::Value, Self)> {
        let variant = seed.deserialize(&mut *self)?;
        self.expect(b':')?;
        Ok((variant, self))
    }
}

impl<'de> VariantAccess<'de> for &mut Reader<'_> {
    type Error = Unreadable;

    fn unit_variant(self) -> Read<()> {
        self.null()
    }
    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Read<T::Value> {
        seed.deserialize(self)
    }
    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Read<V::Value> {
        self.deserialize_seq(visitor)
    }
    fn struct_variant<V: Visitor<'de>>(self, _: &'static [&'static str], visitor: V) -> Read<V::Value> {
        self.deserialize_map(visitor)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use serde::{Deserialize, Serialize};
    use serde_json::{Map, Value, json};

    use super::*;

    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            any::<String>().prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 40, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::btree_map(any::<String>(), inner, 0..6).prop_map(|map| Value::Object(Map::from_iter(map))),
            ]
        })
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(rename_all = "camelCase")]
    enum Shape {
        Point,
        Circle(f64),
        Line(i32, i32),
        Box { wide_as: u8 },
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(tag = "type", rename_all = "snake_case")]
    enum Tagged {
        Empty,
        Full { number: Option<u64>, list: Vec<String> },
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Everything {
        #[serde(flatten)]
        tagged: Tagged,
        shapes: Vec<Shape>,
        names: BTreeMap<String, char>,
        pair: (i8, bool),
        #[serde(default)]
        missing: Option<String>,
        nothing: Option<u16>,
        unit: (),
    }

    fn everything() -> Everything {
        Everything {
            tagged: Tagged::Full { number: Some(u64::MAX), list: vec!["a\"\\\n\u{8}ä😀".to_owned()] },
            shapes: vec![Shape::Point, Shape::Circle(-0.5e-7), Shape::Line(-3, i32::MAX), Shape::Box { wide_as: 255 }],
            names: BTreeMap::from([("x".to_owned(), '"'), ("".to_owned(), 'é')]),
            pair: (-128, true),
            missing: None,
            nothing: None,
            unit: (),
        }
    }

    #[test]
    fn types_of_every_form_are_read() {
        let text = serde_json::to_string_pretty(&everything()).unwrap_or_default();
        assert_eq!(read(&text), Ok(everything()));
        let more = text.replacen('{', r#"{"unknown": [{"a": "]}\""}, 1e3, null], "#, 1);
        assert_eq!(read(&more), Ok(everything()));
        assert_eq!(read::<Tagged>(r#"{"list":[],"number":7,"type":"full"}"#), Ok(Tagged::Full { number: Some(7), list: vec![] }));
        assert_eq!(read::<Tagged>(r#" {"type":"empty"} "#), Ok(Tagged::Empty));
    }

    #[test]
    fn escapes_of_every_form_are_read() {
        assert_eq!(read::<String>(r#""\"\\\/\b\f\n\r\t\u00e4\ud83d\ude00""#), Ok("\"\\/\u{8}\u{c}\n\r\tä😀".to_owned()));
        for bad in [r#""\ud83d""#, r#""\ud83d\u0041""#, r#""\u12""#, r#""\x""#, r#""\"#, r#"""#, r#""a"#] {
            assert_eq!(read::<String>(bad), Err(Unreadable), "{bad}");
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        for bad in [
            "",
            " ",
            "{",
            "[1,",
            "[1,]",
            "[1 2]",
            "[1]]",
            "{\"a\"}",
            "{\"a\":}",
            "{\"a\":1,}",
            "{a:1}",
            "tru",
            "nul",
            "-",
            "1x",
            "]",
            ",",
            ":",
        ] {
            assert_eq!(read::<Value>(bad), Err(Unreadable), "{bad}");
        }
        assert_eq!(read::<u8>("256"), Err(Unreadable));
        assert_eq!(read::<u32>("-1"), Err(Unreadable));
        assert_eq!(read::<i64>("1.5"), Err(Unreadable));
        assert_eq!(read::<(u8, u8)>("[1,2,3]"), Err(Unreadable));
        assert_eq!(read::<Shape>(r#"{"point":1}"#), Err(Unreadable));
        assert_eq!(read::<Shape>(r#""square""#), Err(Unreadable));
    }

    #[test]
    fn members_are_found_as_they_stand() {
        let text = r#" { "type" : "event", "n":{"type":[1, "}"]} ,"seq":58, "a\"b":null}"#;
        assert_eq!(member(text, "type"), Some("\"event\""));
        assert_eq!(member(text, "n"), Some(r#"{"type":[1, "}"]}"#));
        assert_eq!(member(text, "seq"), Some("58"));
        assert_eq!(member(text, "a\"b"), Some("null"));
        assert_eq!(member(text, "other"), None);
        for other in ["", "[]", "{}", "{\"type\"", "{\"type\":"] {
            assert_eq!(member(other, "type"), None, "{other}");
        }
    }

    proptest! {
        #[test]
        fn what_the_server_writes_is_read(value in values()) {
            prop_assert_eq!(read::<Value>(&value.to_string()), Ok(value.clone()));
            let pretty = serde_json::to_string_pretty(&json!({ "before": value, "it": value })).unwrap_or_default();
            prop_assert_eq!(member(&pretty, "it").map(read::<Value>), Some(Ok(value)));
        }

        #[test]
        fn no_text_stops_the_page(text in any::<String>(), value in values(), cut in any::<prop::sample::Index>()) {
            let _ = read::<Everything>(&text);
            let _ = read::<Value>(&text);
            let whole = value.to_string();
            let end = cut.index(whole.len());
            if let Some(part) = whole.get(..end) {
                let _ = read::<Value>(part);
                let _ = member(part, "a");
            }
        }
    }
}
