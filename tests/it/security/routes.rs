//! Every route that the server has: those of the API from its description, those beside it from the page of routes, forms from the register of server functions, pages from the
//! table of pages.

use std::collections::BTreeMap;

use llmos_lite::server::router;
use serde_json::Value;

use crate::app::text;

const NOWHERE: &str = "0192a000-0000-7000-8000-00000000dead";

/// One route with one method.
#[derive(Clone, Debug)]
pub struct Route {
    pub method: String,
    pub path: String,
    /// Of the API: what its description says of it.
    pub operation: Option<Value>,
}

impl Route {
    pub fn name(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    pub fn is_safe(&self) -> bool {
        matches!(self.method.as_str(), "GET" | "HEAD")
    }

    pub fn is_page(&self) -> bool {
        self.operation.is_none() && self.path.starts_with("page:")
    }
}

/// All of them, in the order of their names.
pub fn all() -> Vec<Route> {
    let description = description();
    let mut routes = Vec::new();
    for (path, item) in description["paths"].as_object().expect("paths") {
        for (method, operation) in item.as_object().expect("an item") {
            if ["get", "post", "put", "patch", "delete"].contains(&method.as_str()) {
                routes.push(Route { method: method.to_uppercase(), path: path.clone(), operation: Some(operation.clone()) });
            }
        }
    }
    routes.extend(beside_the_api().into_iter().chain(forms()).chain(pages()).map(|(method, path)| Route { method, path, operation: None }));
    routes.sort_by_key(|route| (route.path.clone(), route.method.clone()));
    assert!(routes.len() > 300, "the routes were found: {}", routes.len());
    routes
}

pub fn description() -> Value {
    serde_json::to_value(router::openapi()).expect("JSON")
}

/// The lines of the page of routes that make one: `.route("/healthz", get(…))`.
fn beside_the_api() -> Vec<(String, String)> {
    let page = include_str!("../../../src/server/router.rs");
    let whole = page.split("/// The sockets alone").next().expect("the router of the whole service comes first");
    let mut routes = Vec::new();
    for line in whole.lines().filter_map(|line| line.trim().strip_prefix(".route(\"")) {
        let (path, handler) = line.split_once('"').expect("a path in quotes");
        // What is there for every method, and for every address that is nothing else, is found by the addresses below it.
        if path.contains("{*") {
            continue;
        }
        let methods =
            [("get(", "GET"), ("post(", "POST"), ("socket(", "GET"), ("webhook(", "POST"), ("put(", "PUT"), ("delete(", "DELETE")];
        let known: Vec<_> = methods.iter().filter(|(made, _)| handler.contains(made)).collect();
        assert!(!known.is_empty(), "{line}: for which method?");
        routes.extend(known.iter().map(|(_, method)| ((*method).to_owned(), path.to_owned())));
    }
    routes
}

fn forms() -> Vec<(String, String)> {
    leptos::server_fn::axum::server_fn_paths().map(|(path, method)| (method.to_string(), path.to_owned())).collect()
}

/// Those of the table of pages; parts that may be missing are left out, and `:id` is an id.
fn pages() -> Vec<(String, String)> {
    let table = include_str!("../../../src/app.rs");
    let mut below = String::new();
    let mut pages = Vec::new();
    for line in table.lines().map(str::trim) {
        if line.starts_with("</ParentRoute") {
            below.clear();
        }
        let Some((_, rest)) = line.split_once("path!(\"") else { continue };
        let path = rest.split('"').next().unwrap_or_default();
        if line.starts_with("<ParentRoute") {
            below = path.to_owned();
            continue;
        }
        let path: String = format!("{below}{path}")
            .split('/')
            .filter(|part| !part.ends_with('?') && !part.starts_with('*'))
            .map(|part| part.strip_prefix(':').map_or_else(|| part.to_owned(), |name| format!("{{{name}}}")))
            .collect::<Vec<_>>()
            .join("/");
        pages.push(("GET".to_owned(), format!("page:{}", if path.is_empty() { "/" } else { &path })));
    }
    pages.sort();
    pages.dedup();
    pages
}

/// Ids of things that exist, by the name of a parameter, by the part of the path before it (`teams`), or by both (`agents/user_id`); `?team` for the query,
/// `.teamId` for fields of bodies.
pub type Ids = BTreeMap<String, String>;

/// The address of a route with `ids` in their places.
pub fn address(route: &Route, ids: &Ids) -> String {
    let mut before = "";
    let mut parts = Vec::new();
    for part in route.path.trim_start_matches("page:").split('/') {
        match part.strip_prefix('{').and_then(|part| part.strip_suffix('}')) {
            Some(name) => {
                let name = name.trim_start_matches('*');
                let known = ids.get(&format!("{before}/{name}")).or_else(|| ids.get(name)).or_else(|| ids.get(before));
                parts.push(known.map_or(NOWHERE, String::as_str));
            }
            None => {
                before = part;
                parts.push(part);
            }
        }
    }
    let address = parts.join("/");
    let asked: Vec<String> = parameters(route)
        .filter(|parameter| parameter["in"] == "query")
        .filter_map(|parameter| {
            let name = text(&parameter["name"]);
            let value = ids.get(&format!("?{name}")).cloned().or_else(|| (parameter["required"] == true).then(|| "x".to_owned()))?;
            Some(format!("{name}={value}"))
        })
        .collect();
    if asked.is_empty() { address } else { format!("{address}?{}", asked.join("&")) }
}

fn parameters(route: &Route) -> impl Iterator<Item = &Value> {
    route.operation.iter().flat_map(|operation| operation["parameters"].as_array().into_iter().flatten())
}

/// A body that the route reads; none: it takes none.
#[derive(Clone)]
pub enum Body {
    Json(Value),
    Bytes(&'static str, Vec<u8>),
    Multipart,
}

/// The smallest that its description allows, with ids of things that exist.
pub fn body(route: &Route, description: &Value, ids: &Ids) -> Option<Body> {
    let content = route.operation.as_ref()?["requestBody"]["content"].as_object()?;
    if let Some(json) = content.get("application/json") {
        return Some(Body::Json(sample(&json["schema"], "", description, ids)));
    }
    let kind = content.keys().next()?;
    Some(match kind.as_str() {
        "multipart/form-data" => Body::Multipart,
        "text/markdown" => Body::Bytes("text/markdown", b"# x".to_vec()),
        "application/x-protobuf" => Body::Bytes("application/x-protobuf", Vec::new()),
        _ => Body::Bytes("application/octet-stream", b"x".to_vec()),
    })
}

fn sample(schema: &Value, name: &str, description: &Value, ids: &Ids) -> Value {
    if let Some(target) = schema["$ref"].as_str() {
        let schema = &description["components"]["schemas"][target.rsplit('/').next().unwrap_or_default()];
        return sample(schema, name, description, ids);
    }
    let known = ids.get(&format!(".{name}")).map(|id| Value::from(id.as_str()));
    if let Some(known) = known {
        return known;
    }
    if !schema["const"].is_null() {
        return schema["const"].clone();
    }
    if let Some(first) = schema["enum"].as_array().and_then(|values| values.first()) {
        return first.clone();
    }
    for choice in ["oneOf", "anyOf"] {
        if let Some(first) = schema[choice].as_array().and_then(|choices| choices.iter().find(|one| one["type"] != "null")) {
            return sample(first, name, description, ids);
        }
    }
    if let Some(parts) = schema["allOf"].as_array() {
        let mut whole = serde_json::Map::new();
        for part in parts {
            if let Value::Object(fields) = sample(part, name, description, ids) {
                whole.extend(fields);
            }
        }
        return Value::Object(whole);
    }
    let kind = schema["type"].as_str().or_else(|| schema["type"].as_array()?.iter().filter_map(Value::as_str).find(|kind| *kind != "null"));
    match kind {
        Some("string") => Value::from(if schema["format"] == "uuid" { NOWHERE } else { "x" }),
        Some("integer" | "number") => schema["minimum"].as_f64().map_or(Value::from(1), |least| Value::from(least.ceil().max(1.0) as i64)),
        Some("boolean") => Value::from(false),
        Some("array") => Value::from(vec![sample(&schema["items"], name, description, ids)]),
        _ => {
            let required: Vec<&str> = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            let fields = schema["properties"].as_object().into_iter().flatten();
            // Fields that say which team, volume or person are given where they may be: that is what is asked about.
            let given = fields.filter(|(field, _)| required.contains(&field.as_str()) || ids.contains_key(&format!(".{field}")));
            given.map(|(field, schema)| (field.clone(), sample(schema, field, description, ids))).collect::<serde_json::Map<_, _>>().into()
        }
    }
}

#[test]
fn routes_of_every_kind_are_found() {
    let names: Vec<String> = all().iter().map(Route::name).collect();
    for name in [
        "GET /api/v1/teams/{id}",
        "DELETE /api/v1/artifacts/{id}/files/{path}",
        "POST /api/marketplace/install",
        "GET /healthz",
        "GET /metrics",
        "GET /ws",
        "POST /webhook/github",
        "POST /git/{team}/{volume}/git-upload-pack",
        "POST /unsubscribe",
        "POST /fn/sign-in",
        "GET page:/",
        "GET page:/artifacts/{id}",
        "GET page:/admin",
    ] {
        assert!(names.iter().any(|known| known.replace("{*", "{") == name), "{name} is not among {names:#?}");
    }
}
