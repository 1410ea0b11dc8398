//! Decoding foreign pictures within limits.

use std::io::Cursor;

use image::{DynamicImage, ImageDecoder as _, ImageReader, Limits};

/// A picture may be this large when unpacked, in pixels a side: one that claims more is a bomb.
pub const SIDE_MAX: u32 = 8_192;
const MEMORY_MAX: u64 = 256 * 1024 * 1024;

/// Decodes upright: cameras store which way up in the file.
pub fn decode(upload: &[u8]) -> image::ImageResult<DynamicImage> {
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
