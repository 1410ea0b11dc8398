//! Reading JSON of others: whatever stands for the same is taken, and errors are sentences.

use serde::de::{Deserializer, Error as _, IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::value::RawValue;

use crate::fault::{Fault, Place};
use crate::text::{MOST_STEPS_READ, time};

/// Reads one value, with an error that says where. The line of the error counts if the value is all of what is at `place`.
pub(crate) fn read<T: DeserializeOwned>(text: &str, place: Place) -> Result<T, Fault> {
    let fault = |error: &serde_json::Error, path: &str| {
        let place = if place == Place::File { Place::Line(error.line()) } else { place };
        Fault::at(place, sentence(error, path))
    };
    let mut json = serde_json::Deserializer::from_str(text);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|error| fault(error.inner(), &error.path().to_string()))?;
    json.end().map_err(|error| fault(&error, "."))?;
    Ok(value)
}

/// What an error means, without the place in it that only counts within this value.
pub(crate) fn sentence(error: &serde_json::Error, path: &str) -> String {
    let told = error.to_string();
    let told = told.rfind(" at line ").map_or(told.as_str(), |at| &told[..at]);
    if !error.is_data() {
        let column = error.column();
        return format!("This is not valid JSON: {told} (character {column}).");
    }
    match path {
        "" | "." | "?" => format!("This JSON has another form than is expected here: {told}."),
        path => format!("`{path}` cannot be read: {told}."),
    }
}

/// A text; a number or a truth value is taken as it is written, and any other JSON as its own text.
pub(crate) fn text<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    let raw = Box::<RawValue>::deserialize(from)?;
    text_of(&raw).map_err(D::Error::custom)
}

pub(crate) fn text_of(raw: &RawValue) -> serde_json::Result<Option<String>> {
    match raw.get() {
        "null" => Ok(None),
        quoted if quoted.starts_with('"') => serde_json::from_str(quoted).map(Some),
        other => Ok(Some(other.to_owned())),
    }
}

/// A number, also within quotes, as some exporters write 64-bit ones.
pub(crate) fn number<'de, D: Deserializer<'de>>(from: D) -> Result<Option<f64>, D::Error> {
    struct Number;
    impl<'de> Visitor<'de> for Number {
        type Value = Option<f64>;
        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("a number")
        }
        fn visit_f64<E>(self, number: f64) -> Result<Self::Value, E> {
            Ok(Some(number))
        }
        fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
            Ok(Some(number as f64))
        }
        fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
            Ok(Some(number as f64))
        }
        fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Self::Value, E> {
            text.trim().parse().map(Some).map_err(|_| E::invalid_value(serde::de::Unexpected::Str(text), &self))
        }
        fn visit_unit<E>(self) -> Result<Self::Value, E> {
            Ok(None)
        }
    }
    from.deserialize_any(Number)
}

/// RFC 3339, or UTC milliseconds.
pub(crate) fn moment<'de, D: Deserializer<'de>>(from: D) -> Result<Option<i64>, D::Error> {
    let wrong = || D::Error::custom("a time is written as 2026-09-21T07:04:52Z, or as milliseconds since 1970");
    let raw = Box::<RawValue>::deserialize(from)?;
    match raw.get() {
        "null" => Ok(None),
        quoted if quoted.starts_with('"') => {
            let text: String = serde_json::from_str(quoted).map_err(D::Error::custom)?;
            time(&text).map(Some).ok_or_else(wrong)
        }
        // A number's conversion stays within what an i64 holds.
        other => other.parse::<f64>().map(|at| Some(at as i64)).map_err(|_| wrong()),
    }
}

/// Zero where it is negative or no number, and whether it was.
pub(crate) fn whole(number: Option<f64>) -> (u64, bool) {
    let number = number.unwrap_or_default();
    (number.round() as u64, number < 0.0)
}

/// `null` is the same as nothing.
pub(crate) fn or_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(from: D) -> Result<T, D::Error> {
    Option::<T>::deserialize(from).map(Option::unwrap_or_default)
}

/// A list, of which no more is kept than is ever shown: what comes after is read over, and `more` says so.
#[derive(Debug)]
pub(crate) struct Many<T> {
    pub items: Vec<T>,
    pub more: bool,
}

impl<T> Default for Many<T> {
    fn default() -> Self {
        Self { items: Vec::new(), more: false }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Many<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct List<T>(std::marker::PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for List<T> {
            type Value = Many<T>;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a list")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
                let mut items = Vec::new();
                while items.len() < MOST_STEPS_READ {
                    match list.next_element()? {
                        Some(item) => items.push(item),
                        None => return Ok(Many { items, more: false }),
                    }
                }
                let mut more = false;
                while list.next_element::<IgnoredAny>()?.is_some() {
                    more = true;
                }
                Ok(Many { items, more })
            }
            fn visit_unit<E>(self) -> Result<Self::Value, E> {
                Ok(Many::default())
            }
        }
        from.deserialize_any(List(std::marker::PhantomData))
    }
}
