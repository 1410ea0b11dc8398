//! Reads on what a refused request is still sending.
//!
//! A body over a limit is answered before all of it has come. Closing the connection then makes the client's next packet an
//! error, which throws our answer away before anybody reads it: the person would see "the server cannot be reached" and not
//! what was too large. So the rest is read and dropped, for a bounded time and size.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    body::{Body, BodyDataStream, Bytes, HttpBody as _},
    extract::Request,
    http::header,
    middleware::Next,
    response::Response,
};
use futures::{Stream, StreamExt as _};

const TIME: Duration = Duration::from_secs(15);
const BYTES: usize = 512 * 1024 * 1024;

pub async fn layer(request: Request, next: Next) -> Response {
    // A client that waits for our go-ahead has sent nothing yet and must not be told to.
    if request.body().is_end_stream() || request.headers().contains_key(header::EXPECT) {
        return next.run(request).await;
    }
    let (parts, body) = request.into_parts();
    let body = Body::from_stream(Drained { rest: Some(body.into_data_stream()) });
    next.run(Request::from_parts(parts, body)).await
}

/// A body that is read to its end even when its reader gives up.
struct Drained {
    /// None once it has ended.
    rest: Option<BodyDataStream>,
}

impl Stream for Drained {
    type Item = Result<Bytes, axum::Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Some(rest) = &mut self.rest else { return Poll::Ready(None) };
        let polled = rest.poll_next_unpin(context);
        if matches!(polled, Poll::Ready(None | Some(Err(_)))) {
            self.rest = None;
        }
        polled
    }
}

impl Drop for Drained {
    fn drop(&mut self) {
        let (Some(mut rest), Ok(runtime)) = (self.rest.take(), tokio::runtime::Handle::try_current()) else { return };
        runtime.spawn(tokio::time::timeout(TIME, async move {
            let mut read = 0;
            while let Some(Ok(bytes)) = rest.next().await {
                read += bytes.len();
                if read > BYTES {
                    return;
                }
            }
        }));
    }
}
