//! The decoded picture, still in the decoder's planes: copying it would cost as much as scaling it.

/// How the planes lie. All formats are 8 bit; `decode` refuses or converts any other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PixelFormat {
    /// Y, U, V; chroma halved both ways.
    I420,
    /// Y, U, V; chroma halved horizontally (many MJPEG cameras).
    Y42b,
    /// Y, U, V; chroma in full.
    Y444,
    /// Y, interleaved UV; chroma halved both ways (hardware decoders).
    Nv12,
    /// Y only.
    Gray8,
}

/// Access to the planes of a mapped decoder buffer.
pub trait Planes: Send {
    /// Bytes of plane `index` and its stride in bytes. `index` is below the number of planes of the format;
    /// every row of the plane (`stride` apart) lies within the slice.
    fn plane(&self, index: usize) -> (&[u8], usize);
}

/// A decoded picture of `width` x `height` pixels.
pub struct Frame {
    pub width: u32,
    pub height: u32,
    pub format: PixelFormat,
    /// True for 0..255 luma (JPEG, some cameras), false for 16..235.
    pub full_range: bool,
    /// True for BT.709 coefficients, false for BT.601.
    pub bt709: bool,
    pub planes: Box<dyn Planes>,
}

impl std::fmt::Debug for Frame {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Frame({}x{} {:?})", self.width, self.height, self.format)
    }
}
