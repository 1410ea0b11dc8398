//! Taking foreign pictures: read, decoded and encoded anew within limits. What was uploaded is never served.

use std::io::Cursor;

use axum::{
    body::Bytes,
    extract::{FromRequest as _, Multipart, Request, multipart::MultipartError},
    http::{StatusCode, header},
};
use image::{
    DynamicImage, ImageDecoder as _, ImageFormat, ImageReader, ImageResult, Limits, codecs::jpeg::JpegEncoder, imageops::FilterType,
};

use crate::error::{AppError, AppResult, ErrorCode};

/// What multipart wraps around a picture.
pub const ENVELOPE: usize = 16 * 1024;
const JPEG_QUALITY: u8 = 88;

/// A picture may be this large when unpacked, in pixels a side: one that claims more is a bomb.
pub const SIDE_MAX: u32 = 8_192;
const MEMORY_MAX: u64 = 256 * 1024 * 1024;

/// Decodes upright: cameras store which way up in the file.
pub fn decode(upload: &[u8]) -> ImageResult<DynamicImage> {
    let mut reader = ImageReader::new(Cursor::new(upload)).with_guessed_format()?;
    let mut limits = Limits::default();
    limits.max_image_width = Some(SIDE_MAX);
    limits.max_image_height = Some(SIDE_MAX);
    limits.max_alloc = Some(MEMORY_MAX);
    reader.limits(limits);
    let mut decoder = reader.into_decoder()?;
    let orientation = decoder.orientation()?;
    let mut picture = DynamicImage::from_decoder(decoder)?;
    picture.apply_orientation(orientation);
    Ok(picture)
}

/// The picture in a request, as the body itself or as the first file of a form. `max`: the bytes that the route reads at most.
pub async fn upload(request: Request, max: usize) -> AppResult<Bytes> {
    let kind = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    if kind.starts_with("multipart/form-data") {
        let unreadable = || AppError::invalid("The form has no readable file: choose a picture and send it again.");
        let fault = |error: MultipartError| if error.status() == StatusCode::PAYLOAD_TOO_LARGE { too_large(max) } else { unreadable() };
        let mut form = Multipart::from_request(request, &()).await.map_err(|_| unreadable())?;
        while let Some(field) = form.next_field().await.map_err(fault)? {
            if field.file_name().is_some() {
                return field.bytes().await.map_err(fault);
            }
        }
        Err(unreadable())
    } else if kind.starts_with("image/") || kind.starts_with("application/octet-stream") {
        Bytes::from_request(request, &()).await.map_err(|_| too_large(max))
    } else {
        Err(AppError::new(ErrorCode::UnsupportedMediaType, "Send a picture: PNG, JPEG or WebP."))
    }
}

pub fn too_large(max: usize) -> AppError {
    AppError::too_large(format!("A picture has at most {} MB.", max / 1024 / 1024))
}

/// What a person reads whose file is none.
pub fn unreadable(field: &str, error: &image::ImageError) -> AppError {
    tracing::debug!(%error, field, "picture");
    AppError::field(field, format!("This file cannot be read as a picture. Use a PNG, JPEG or WebP of at most {SIDE_MAX} pixels a side."))
}

/// A picture of our own making.
pub struct Encoded {
    pub bytes: Vec<u8>,
    pub media_type: &'static str,
    /// Width and height.
    pub size: (u32, u32),
}

/// Decodes a picture, makes its longer side at most `side`, and encodes it anew: nothing that hung on it is left. Photographs stay
/// photographs; what has sharp edges or is see-through keeps them.
pub fn encode_anew(upload: &[u8], side: u32) -> ImageResult<Encoded> {
    let photo = image::guess_format(upload).is_ok_and(|format| format == ImageFormat::Jpeg);
    let picture = decode(upload)?;
    let picture = if picture.width().max(picture.height()) > side { picture.resize(side, side, FilterType::CatmullRom) } else { picture };
    let size = (picture.width(), picture.height());
    let mut bytes = Cursor::new(Vec::new());
    let media_type = if photo {
        let flat = DynamicImage::ImageRgb8(picture.to_rgb8());
        flat.write_with_encoder(JpegEncoder::new_with_quality(&mut bytes, JPEG_QUALITY))?;
        "image/jpeg"
    } else {
        DynamicImage::ImageRgba8(picture.to_rgba8()).write_to(&mut bytes, ImageFormat::Png)?;
        "image/png"
    };
    Ok(Encoded { bytes: bytes.into_inner(), media_type, size })
}
