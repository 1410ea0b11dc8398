//! axum's extractors with rejections that a person can read.

use std::{fmt, io::Read as _, marker::PhantomData};

use axum::{
    body::Bytes,
    extract::{FromRequest, FromRequestParts, MatchedPath, Request, rejection::*},
    http::{HeaderMap, HeaderValue, header, request::Parts},
};
use flate2::read::GzDecoder;
use serde::de::{Deserialize, DeserializeOwned, Deserializer, MapAccess, Visitor, value::MapAccessDeserializer};

use super::{error::chain, state::AppState};
use crate::error::{AppError, AppResult, ErrorCode};

/// A JSON body: an object, as everything that the API takes is one.
pub struct Json<T>(pub T);
/// The query string.
pub struct Query<T>(pub T);
/// The variable parts of the path.
pub struct Path<T>(pub T);

/// What was sent, unpacked where its header says that it is packed; `most` bytes of it. Whoever packs a little that becomes a lot is refused before it is.
pub fn unpacked(headers: &HeaderMap, body: Bytes, most: u64) -> AppResult<Bytes> {
    match headers.get(header::CONTENT_ENCODING).map(HeaderValue::as_bytes) {
        None | Some(b"identity") => Ok(body),
        Some(b"gzip" | b"x-gzip") => {
            let mut bytes = Vec::new();
            let read = GzDecoder::new(&body[..]).take(most.saturating_add(1)).read_to_end(&mut bytes);
            read.map_err(|_| AppError::invalid("The body of the request is damaged. Send it again."))?;
            if bytes.len() as u64 > most {
                return Err(AppError::too_large(format!(
                    "The body of the request is over {} MB when it is unpacked. Send it in parts.",
                    most >> 20
                )));
            }
            Ok(bytes.into())
        }
        Some(_) => Err(AppError::new(
            ErrorCode::UnsupportedMediaType,
            "The body of the request is packed in a way that is not read here: use gzip.",
        )),
    }
}

impl<T: DeserializeOwned> FromRequest<AppState> for Json<T> {
    type Rejection = AppError;
    async fn from_request(request: Request, state: &AppState) -> Result<Self, AppError> {
        match axum::Json::from_request(request, state).await {
            Ok(axum::Json(Object(value))) => Ok(Self(value)),
            Err(rejection) => Err(match &rejection {
                JsonRejection::MissingJsonContentType(_) => {
                    AppError::new(ErrorCode::UnsupportedMediaType, "Send JSON with the header content-type: application/json.")
                }
                JsonRejection::JsonSyntaxError(_) => AppError::invalid("The body is not valid JSON."),
                // serde names the field and the type it wanted; that is the caller's own input.
                JsonRejection::JsonDataError(error) => AppError::invalid(format!("The body does not fit: {}.", innermost(error))),
                JsonRejection::BytesRejection(_) if rejection.status() == 413 => {
                    AppError::too_large("The body is too large for this route.")
                }
                _ => AppError::invalid("The body ended early. Send it again."),
            }),
        }
    }
}

/// What serde reads from an object only. By itself it takes a list for a struct as well, its items for the fields in their order.
struct Object<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Fields<T> {
            type Value = Object<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Object<T>, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(Object)
            }
        }
        deserializer.deserialize_map(Fields(PhantomData))
    }
}

impl<T> axum::response::IntoResponse for Json<T>
where
    axum::Json<T>: axum::response::IntoResponse,
{
    fn into_response(self) -> axum::response::Response {
        axum::Json(self.0).into_response()
    }
}

impl<T: DeserializeOwned> FromRequestParts<AppState> for Query<T> {
    type Rejection = AppError;
    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, AppError> {
        match axum::extract::Query::from_request_parts(parts, state).await {
            Ok(axum::extract::Query(value)) => Ok(Self(value)),
            Err(error) => Err(AppError::invalid(format!("The address does not fit: {}.", misfit(&innermost(&error))))),
        }
    }
}

impl<T: DeserializeOwned + Send> FromRequestParts<AppState> for Path<T> {
    type Rejection = AppError;
    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, AppError> {
        match axum::extract::Path::from_request_parts(parts, state).await {
            Ok(axum::extract::Path(value)) => Ok(Self(value)),
            // An id of the wrong form names nothing.
            Err(error) => {
                tracing::debug!(error = %chain(&error), "path");
                Err(AppError::not_found(&named_by(parts.extensions.get::<MatchedPath>().map_or("", MatchedPath::as_str))))
            }
        }
    }
}

/// What the last id in a route is of: `/teams/{id}/agents/{agent}/tokens` names an agent.
fn named_by(route: &str) -> String {
    let segments: Vec<&str> = route.split('/').collect();
    let last = segments.windows(2).rfind(|pair| pair[1].starts_with('{') && !pair[0].starts_with('{'));
    let many = last.map_or("", |pair| pair[0]);
    match (many.strip_suffix("ies"), many.strip_suffix('s')) {
        (Some(stem), _) => format!("{stem}y"),
        (None, Some(one)) => one.replace('-', " "),
        (None, None) => "thing".to_owned(),
    }
}

/// What does not fit of a query. Which values and parameters there are is worth saying; in what way a number or an id cannot be read is not.
fn misfit(words: &str) -> String {
    match words.split_once(": ") {
        Some((name, why)) if !name.contains(' ') && !why.starts_with("unknown ") => {
            format!("“{name}” has a value that cannot be read")
        }
        _ => words.to_owned(),
    }
}

fn innermost(error: &(dyn std::error::Error + 'static)) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string().chars().take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_names_what_its_last_id_is_of() {
        for (route, what) in [
            ("/api/v1/commits/{id}", "commit"),
            ("/api/v1/teams/{id}/agents/{agent}/tokens", "agent"),
            ("/api/v1/sessions/{id}/entries/{entry}", "entry"),
            ("/api/v1/volumes/{id}/export", "volume"),
            ("/ws/doc/{id}", "thing"),
            ("", "thing"),
        ] {
            assert_eq!(named_by(route), what, "{route}");
        }
    }
}
