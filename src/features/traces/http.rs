//! `/api/v1/traces`, and OTLP/HTTP beside it.

use axum::{
    body::{Body, Bytes},
    extract::DefaultBodyLimit,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use futures::StreamExt as _;
use llmos_traces::{Fault, Format, Place, detect, native, otlp};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    model::{BODY_BYTES, PROBLEMS, Problem, RateTrace, SendTraces, SentTrace, Taken, Trace, TracePage, TraceSource, TracesQuery},
    service::{self, Arrival},
};
use crate::{
    error::{AppError, AppResult, ErrorCode},
    ids::TraceId,
    server::{
        context::Ctx,
        error::internal,
        extract::{Json, Path, Query, unpacked},
        state::AppState,
    },
};

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list_traces))
        .routes(routes!(get_trace, rate_trace, delete_trace))
        .merge(OpenApiRouter::new().routes(routes!(send_traces)).routes(routes!(send_spans)).layer(DefaultBodyLimit::max(BODY_BYTES)))
}

/// Traces that are written as they come in.
const BATCH: usize = 200;

fn note(taken: &mut Taken, fault: Fault) {
    taken.refused += 1;
    if taken.problems.len() < PROBLEMS {
        let at = match fault.place {
            Place::File => 1,
            Place::Line(at) | Place::Item(at) => at,
        };
        taken.problems.push(Problem { at, sentence: fault.message });
    }
}

fn source_of(format: Format) -> TraceSource {
    match format {
        Format::Native => TraceSource::Api,
        Format::Markdown => TraceSource::Markdown,
        Format::ClaudeCode => TraceSource::ClaudeCode,
        Format::OtlpJson | Format::OtlpProtobuf => TraceSource::Otlp,
    }
}

/// All of a body, unpacked: collectors pack it, unless they are told not to.
async fn whole(headers: &HeaderMap, body: Body) -> AppResult<Bytes> {
    let too_large = || {
        AppError::too_large(format!(
            "One request brings at most {} MB. Send the traces in parts, or as a stream, one a line.",
            BODY_BYTES >> 20
        ))
    };
    let bytes = axum::body::to_bytes(body, BODY_BYTES).await.map_err(|_| too_large())?;
    let headers = headers.clone();
    let unpacking = tokio::task::spawn_blocking(move || unpacked(&headers, bytes, BODY_BYTES as u64));
    unpacking.await.map_err(|error| internal("a packed body", &error))?
}

/// Bring traces in. What a trace is called by its source is taken once, so the same may be sent again.
///
/// The body is our own JSON (one object, an array, or one object a line), a trace as markdown, a transcript of Claude Code, or an export of OpenTelemetry: its form
/// is told from its type and its beginning. With `Content-Type: application/x-ndjson` it is read as a stream, whatever its length. Any other may be packed by gzip.
///
/// Of our own JSON all keys but `id`, `goal` and `steps` may be left out; `docs/traces.md` has each with its meaning.
#[utoipa::path(post, path = "/traces", tag = "traces", params(SendTraces), request_body(content((SentTrace = "application/json"), (String = "application/x-ndjson"), (String = "text/markdown"))), responses((status = 200, body = Taken), (status = "4XX", body = AppError)))]
async fn send_traces(ctx: Ctx, Query(query): Query<SendTraces>, headers: HeaderMap, body: Body) -> AppResult<Json<Taken>> {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let mut taken = Taken::default();
    if content_type.is_some_and(|kind| kind.starts_with("application/x-ndjson")) {
        if headers.get(header::CONTENT_ENCODING).is_some_and(|encoding| encoding.as_bytes() != b"identity") {
            return Err(AppError::new(ErrorCode::UnsupportedMediaType, "A stream is read as it is: send it without Content-Encoding."));
        }
        let arrival = Arrival::sent(&ctx, query.team, TraceSource::Api).await?;
        let mut reader = native::Reader::default();
        let mut stream = body.into_data_stream();
        let mut batch = Vec::new();
        while let Some(part) = stream.next().await {
            let part = part.map_err(|_| AppError::invalid("The body ended early. Send it again: what was taken is not taken twice."))?;
            reader.push(&part, |read| match read {
                Ok(trace) => batch.push(trace),
                Err(fault) => note(&mut taken, fault),
            });
            if batch.len() >= BATCH {
                service::take(&ctx, &arrival, std::mem::take(&mut batch), &mut taken).await?;
            }
        }
        reader.finish(|read| match read {
            Ok(trace) => batch.push(trace),
            Err(fault) => note(&mut taken, fault),
        });
        service::take(&ctx, &arrival, batch, &mut taken).await?;
        return Ok(Json(taken));
    }
    let name = query.name.unwrap_or_default();
    // Before anything of it is read.
    let mut arrival = Arrival::sent(&ctx, query.team, TraceSource::Api).await?;
    let bytes = whole(&headers, body).await?;
    let unknown = || {
        AppError::invalid(
            "This is no form of traces that is known here: send JSON, markdown, a transcript of Claude Code, or OpenTelemetry.",
        )
    };
    let format = detect(&name, content_type, &bytes).ok_or_else(unknown)?;
    arrival.source = source_of(format);
    if let Format::OtlpJson | Format::OtlpProtobuf = format {
        let encoding = if format == Format::OtlpJson { otlp::Encoding::Json } else { otlp::Encoding::Protobuf };
        let read = otlp::read(&bytes, encoding).map_err(|fault| AppError::invalid(fault.to_string()))?;
        read.faults.into_iter().for_each(|fault| note(&mut taken, fault));
        service::take_runs(&ctx, &arrival, read.runs, &mut taken).await?;
        return Ok(Json(taken));
    }
    let mut traces = Vec::new();
    for read in llmos_traces::parse(format, &bytes) {
        match read {
            Ok(trace) => traces.push(trace),
            Err(fault) => note(&mut taken, fault),
        }
    }
    service::take(&ctx, &arrival, traces, &mut taken).await?;
    Ok(Json(taken))
}

/// Bring spans in over OTLP/HTTP: the address of an exporter is this one without `/v1/traces`. An agent's token decides whose they are; otherwise name the team
/// in the address.
///
/// Answers as the protocol says: 200 with the number of spans that could not be read.
#[utoipa::path(post, path = "/otlp/v1/traces", tag = "traces", params(SendTraces), request_body(content = String, content_type = "application/x-protobuf"), responses((status = 200), (status = "4XX", body = AppError)))]
async fn send_spans(ctx: Ctx, Query(query): Query<SendTraces>, headers: HeaderMap, body: Body) -> Response {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let Some(encoding) = otlp::Encoding::of(content_type) else {
        return AppError::new(ErrorCode::UnsupportedMediaType, "Send spans as application/x-protobuf or application/json.").into_response();
    };
    let received = async {
        let arrival = Arrival::sent(&ctx, query.team, TraceSource::Otlp).await?;
        let bytes = whole(&headers, body).await?;
        let mut read = otlp::read(&bytes, encoding).map_err(|fault| AppError::invalid(fault.to_string()))?;
        let runs = std::mem::take(&mut read.runs);
        service::take_runs(&ctx, &arrival, runs, &mut Taken::default()).await?;
        AppResult::Ok(otlp::answer(&read, encoding))
    };
    match received.await {
        Ok(answer) => ([(header::CONTENT_TYPE, encoding.content_type())], answer).into_response(),
        Err(error) => {
            // The codes of gRPC, which exporters go by besides the status.
            let code = match error.code {
                ErrorCode::Unauthenticated => 16,
                ErrorCode::Forbidden | ErrorCode::NotFound => 7,
                ErrorCode::TooManyRequests | ErrorCode::TooLarge => 8,
                ErrorCode::Unavailable => 14,
                ErrorCode::Internal => 13,
                _ => 3,
            };
            let status = StatusCode::from_u16(error.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            (status, [(header::CONTENT_TYPE, encoding.content_type())], otlp::refusal(code, &error.message, encoding)).into_response()
        }
    }
}

/// Traces of a team, or of the caller's own, the latest first.
#[utoipa::path(get, path = "/traces", tag = "traces", params(TracesQuery), responses((status = 200, body = TracePage), (status = "4XX", body = AppError)))]
async fn list_traces(ctx: Ctx, Query(query): Query<TracesQuery>) -> AppResult<Json<TracePage>> {
    service::list_traces(&ctx, query).await.map(Json)
}

/// One trace with its steps.
#[utoipa::path(get, path = "/traces/{id}", tag = "traces", params(("id" = TraceId, Path)), responses((status = 200, body = Trace), (status = "4XX", body = AppError)))]
async fn get_trace(ctx: Ctx, Path(id): Path<TraceId>) -> AppResult<Json<Trace>> {
    service::get_trace(&ctx, id).await.map(Json)
}

/// Rate a trace, or say how it ended. Members of the team may; the latest counts.
#[utoipa::path(patch, path = "/traces/{id}", tag = "traces", params(("id" = TraceId, Path)), request_body = RateTrace, responses((status = 200, body = Trace), (status = "4XX", body = AppError)))]
async fn rate_trace(ctx: Ctx, Path(id): Path<TraceId>, Json(input): Json<RateTrace>) -> AppResult<Json<Trace>> {
    service::rate_trace(&ctx, id, input).await.map(Json)
}

/// Delete a trace: whoever brought it in, or a maintainer of the team.
#[utoipa::path(delete, path = "/traces/{id}", tag = "traces", params(("id" = TraceId, Path)), responses((status = 204), (status = "4XX", body = AppError)))]
async fn delete_trace(ctx: Ctx, Path(id): Path<TraceId>) -> AppResult<StatusCode> {
    service::delete_trace(&ctx, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
