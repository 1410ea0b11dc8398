//! Tools as a model may call them: names, and whether the arguments of a call are what the tool declares.

use serde_json::{Map, Value};

/// Characters of a function's name, as the API has it.
const NAME_MAX: usize = 64;
/// How deep arguments are looked at.
const DEPTH: usize = 16;

/// A name that the API takes (`[a-zA-Z0-9_-]{1,64}`) for a slug.
pub fn name(slug: &str) -> String {
    let mut name: String =
        slug.chars().map(|c| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_') { c } else { '_' }).take(NAME_MAX).collect();
    if name.is_empty() {
        name.push('_');
    }
    name
}

/// Whether arguments are what a JSON Schema asks for, as far as tools declare it: `type`, `required`, `enum`, `items`, `properties`, and
/// `additionalProperties: false`.
///
/// # Errors
/// What is wrong, in a sentence for the model.
pub fn check(parameters: &Value, arguments: &Map<String, Value>) -> Result<(), String> {
    object(parameters, arguments, "", DEPTH)
}

fn object(schema: &Value, value: &Map<String, Value>, path: &str, depth: usize) -> Result<(), String> {
    let at = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    for name in schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str) {
        if !value.contains_key(name) {
            return Err(format!("{} is missing.", at(name)));
        }
    }
    let properties = schema.get("properties").and_then(Value::as_object);
    for (name, value) in value {
        match properties.and_then(|properties| properties.get(name)) {
            Some(schema) => one(schema, value, &at(name), depth)?,
            None if schema.get("additionalProperties") == Some(&Value::Bool(false)) => {
                let known: Vec<&str> = properties.into_iter().flat_map(Map::keys).map(String::as_str).collect();
                return Err(format!(
                    "There is no {}: there are {}.",
                    at(name),
                    if known.is_empty() { "none".to_owned() } else { known.join(", ") }
                ));
            }
            None => {}
        }
    }
    Ok(())
}

fn one(schema: &Value, value: &Value, path: &str, depth: usize) -> Result<(), String> {
    let Some(depth) = depth.checked_sub(1) else { return Err(format!("{path} is nested too deep.")) };
    let types: Vec<&str> = match schema.get("type") {
        Some(Value::String(kind)) => vec![kind],
        Some(Value::Array(kinds)) => kinds.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    if !types.is_empty() && !types.iter().any(|kind| is_a(value, kind)) {
        return Err(format!("{path} has to be {}.", types.join(" or ")));
    }
    if let Some(allowed) = schema.get("enum").and_then(Value::as_array)
        && !allowed.contains(value)
    {
        let allowed: Vec<String> = allowed.iter().map(Value::to_string).collect();
        return Err(format!("{path} has to be one of {}.", allowed.join(", ")));
    }
    match value {
        Value::Object(value) => object(schema, value, path, depth),
        Value::Array(items) => match schema.get("items") {
            Some(schema) => items.iter().enumerate().try_for_each(|(at, item)| one(schema, item, &format!("{path}[{at}]"), depth)),
            None => Ok(()),
        },
        _ => Ok(()),
    }
}

fn is_a(value: &Value, kind: &str) -> bool {
    match kind {
        "string" => value.is_string(),
        "number" => value.is_number(),
        "integer" => value.as_f64().is_some_and(|number| number.fract() == 0.0),
        "boolean" => value.is_boolean(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        "null" => value.is_null(),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn checked(arguments: Value) -> Result<(), String> {
        let parameters = json!({
            "type": "object",
            "properties": {
                "city": { "type": "string", "enum": ["Rome", "Oslo"] },
                "days": { "type": "integer" },
                "tags": { "type": "array", "items": { "type": "string" } },
                "at": { "type": "object", "properties": { "hour": { "type": ["integer", "null"] } }, "additionalProperties": false }
            },
            "required": ["city"],
            "additionalProperties": false
        });
        check(&parameters, arguments.as_object().expect("an object"))
    }

    #[test]
    fn arguments_are_held_against_what_is_declared() {
        assert_eq!(checked(json!({ "city": "Rome", "days": 3, "tags": ["a"], "at": { "hour": null } })), Ok(()));
        assert_eq!(checked(json!({ "city": "Rome", "days": 3.0 })), Ok(()));
        for (arguments, why) in [
            (json!({}), "city is missing."),
            (json!({ "city": 7 }), "city has to be string."),
            (json!({ "city": "Bonn" }), "city has to be one of \"Rome\", \"Oslo\"."),
            (json!({ "city": "Rome", "days": 1.5 }), "days has to be integer."),
            (json!({ "city": "Rome", "tags": ["a", 1] }), "tags[1] has to be string."),
            (json!({ "city": "Rome", "at": { "hour": "x" } }), "at.hour has to be integer or null."),
            (json!({ "city": "Rome", "at": { "minute": 1 } }), "There is no at.minute: there are hour."),
            (json!({ "city": "Rome", "where": 1 }), "There is no where: there are at, city, days, tags."),
        ] {
            assert_eq!(checked(arguments), Err(why.to_owned()));
        }
        let mut deep = json!(1);
        for _ in 0..100 {
            deep = json!([deep]);
        }
        let nested = (0..100).fold(json!({}), |schema, _| json!({ "type": "array", "items": schema }));
        let parameters = json!({ "properties": { "a": nested } });
        assert!(check(&parameters, json!({ "a": deep }).as_object().expect("an object")).is_err());
    }

    #[test]
    fn names_are_those_of_functions() {
        assert_eq!(name("query-range"), "query-range");
        assert_eq!(name("größe v2"), "gr__e_v2");
        assert_eq!(name(""), "_");
        assert_eq!(name(&"x".repeat(100)).len(), 64);
    }
}
