//! A decoded GStreamer buffer as a [`Frame`]: lent where it is 8 bit, copied down where it is 10 or 12 bit.
//!
//! In: the buffer and its video info. Out: a frame whose every plane is known to lie inside the mapped memory. It never
//! hands out a plane that it has not measured.

use gstreamer as gst;
use gstreamer_video::{self as video, VideoFormat, prelude::*};

use super::DecodeError;
use super::header::StreamColour;
use crate::types::{Frame, PixelFormat, Planes};

/// The planar format and how many low bits to drop.
pub fn supported(format: VideoFormat) -> Result<(PixelFormat, u32), DecodeError> {
    Ok(match format {
        VideoFormat::I420 => (PixelFormat::I420, 0),
        VideoFormat::Y42b => (PixelFormat::Y42b, 0),
        VideoFormat::Y444 => (PixelFormat::Y444, 0),
        VideoFormat::Nv12 => (PixelFormat::Nv12, 0),
        VideoFormat::Gray8 => (PixelFormat::Gray8, 0),
        VideoFormat::I42010le => (PixelFormat::I420, 2),
        VideoFormat::I42210le => (PixelFormat::Y42b, 2),
        VideoFormat::Y44410le => (PixelFormat::Y444, 2),
        VideoFormat::I42012le => (PixelFormat::I420, 4),
        VideoFormat::I42212le => (PixelFormat::Y42b, 4),
        VideoFormat::Y44412le => (PixelFormat::Y444, 4),
        other => return Err(DecodeError::Unsupported { what: format!("of the pixel format {}", other.to_str()) }),
    })
}

/// How samples become colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Colour {
    full_range: bool,
    bt709: bool,
}

impl Colour {
    /// Reads the caps' own text: where the stream names its range but no matrix (most cameras), `VideoInfo` replaces
    /// both by defaults and a full-range picture would come out with too much contrast.
    pub fn read(caps: &gst::CapsRef, info: &video::VideoInfo) -> Self {
        let text = caps.structure(0).and_then(|s| s.get::<&str>("colorimetry").ok());
        let said = text.and_then(|t| t.parse::<video::VideoColorimetry>().ok());
        let range = said.as_ref().map_or(video::VideoColorRange::Unknown, |c| c.range());
        let matrix = said.as_ref().map_or(video::VideoColorMatrix::Unknown, |c| c.matrix());
        Self {
            full_range: range == video::VideoColorRange::Range0_255,
            bt709: match matrix {
                video::VideoColorMatrix::Bt709 => true,
                video::VideoColorMatrix::Unknown => by_size(info),
                _ => false,
            },
        }
    }

    /// What an H.264 stream says of itself.
    pub fn of(said: StreamColour, info: &video::VideoInfo) -> Self {
        let bt709 = match said.matrix {
            None | Some(2) => by_size(info),
            Some(matrix) => matrix == 1,
        };
        Self { full_range: said.full_range, bt709 }
    }
}

/// BT.709 where the stream names no matrix? What players assume, too: that of the television standard of its size.
fn by_size(info: &video::VideoInfo) -> bool {
    info.height() > 576 || info.width() > 1024
}

/// Planes of a mapped buffer; the memory goes back to the decoder's pool when the frame is dropped.
struct Mapped(video::VideoFrame<video::video_frame::Readable>);

impl Planes for Mapped {
    fn plane(&self, index: usize) -> (&[u8], usize) {
        let stride = self.0.plane_stride().get(index).and_then(|s| usize::try_from(*s).ok()).unwrap_or(0);
        let data = u32::try_from(index).ok().and_then(|i| self.0.plane_data(i).ok()).unwrap_or_default();
        (data, stride)
    }
}

/// Planes of our own: (bytes, stride).
struct Owned(Vec<(Vec<u8>, usize)>);

impl Planes for Owned {
    fn plane(&self, index: usize) -> (&[u8], usize) {
        self.0.get(index).map(|(data, stride)| (data.as_slice(), *stride)).unwrap_or_default()
    }
}

pub fn frame(buffer: gst::Buffer, info: &video::VideoInfo, colour: Colour) -> Result<Frame, DecodeError> {
    let broken = |what: &str| DecodeError::Unsupported { what: format!("laid out unexpectedly ({what})") };
    let (format, shift) = supported(info.format())?;
    if !info.is_valid() {
        return Err(broken("invalid video info"));
    }
    let size = buffer.size();
    let mapped = video::VideoFrame::from_buffer_readable(buffer, info).map_err(|_| broken("cannot be mapped"))?;
    let (strides, offsets) = (mapped.plane_stride().to_vec(), mapped.plane_offset().to_vec());
    let mut rows = Vec::with_capacity(3);
    for plane in 0..mapped.n_planes() {
        let index = plane as usize;
        let component = plane.min(mapped.n_components().saturating_sub(1)) as u8;
        let height = mapped.plane_height(plane) as usize;
        let bytes =
            info.format_info().scale_width(component, info.width()) as usize * info.comp_pstride(component) as usize;
        let (Some(stride), Some(offset)) =
            (strides.get(index).and_then(|s| usize::try_from(*s).ok()), offsets.get(index))
        else {
            return Err(broken("negative stride"));
        };
        // `plane_data` lends height times stride: all of it must be the buffer's.
        if stride < bytes || offset + stride * height > size {
            return Err(broken("a plane reaches past its buffer"));
        }
        rows.push((bytes, height));
    }
    let planes: Box<dyn Planes> = if shift == 0 {
        Box::new(Mapped(mapped))
    } else {
        let mapped = Mapped(mapped);
        let narrow = |(index, &(bytes, height)): (usize, &(usize, usize))| {
            let (data, stride) = mapped.plane(index);
            let mut out = Vec::with_capacity(bytes / 2 * height);
            for row in data.chunks(stride.max(1)).take(height) {
                let samples = row.get(..bytes).unwrap_or_default().as_chunks::<2>().0;
                out.extend(samples.iter().map(|s| (u16::from_le_bytes(*s) >> shift).min(255) as u8));
            }
            (out, bytes / 2)
        };
        Box::new(Owned(rows.iter().enumerate().map(narrow).collect()))
    };
    Ok(Frame {
        width: info.width(),
        height: info.height(),
        format,
        full_range: colour.full_range,
        bt709: colour.bt709,
        planes,
    })
}
