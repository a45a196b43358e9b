//! zstd (RFC 8878): frames one after the other, read by `ruzstd`, written as frames of a bounded size.
//!
//! Owns what is between frames and around them: skippable frames, the end of the file, checksums, the bound on memory.
//! The unpacker of a frame keeps its window, as long as the header says; the format allows terabytes, so the header is
//! read here first and a window above [`WINDOW_BYTES_MAX`] is refused, as the `zstd` program does without `--long`.

use std::io::{self, Cursor, Read, Write};

use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};
use ruzstd::encoding::{CompressionLevel, compress_to_vec};

/// Bytes of a frame's magic number.
pub(crate) const MAGIC_BYTES: usize = 4;

/// What `zstd` itself unpacks without being told to use more memory.
const WINDOW_BYTES_MAX: u64 = 128 << 20;

/// Bytes of a frame's header after the magic number, at most.
const HEADER_BYTES_MAX: usize = 14;

/// Bytes of text in a frame that is written.
const FRAME_BYTES: usize = 4 << 20;

/// An empty last block with room for a checksum: ends a frame that was cut off.
const END_OF_FRAME: [u8; 7] = [1, 0, 0, 0, 0, 0, 0];

/// Whether a file that begins like this is zstd's.
pub(super) fn is_magic(bytes: &[u8]) -> bool {
    bytes == [0x28, 0xb5, 0x2f, 0xfd] || is_skippable(bytes)
}

fn is_skippable(bytes: &[u8]) -> bool {
    matches!(bytes, [0x50..=0x5f, 0x2a, 0x4d, 0x18])
}

/// Unpacks frames.
pub(super) struct ZstdReader<R> {
    input: Watched<R>,
    frame: Option<Frame>,
}

/// A frame that is being unpacked.
struct Frame {
    decoder: FrameDecoder,
    has_checksum: bool,
    /// The file ended within it; what was unpacked before is still to be given.
    cut_off: bool,
}

/// An input that remembers whether it ended.
struct Watched<R> {
    input: R,
    ended: bool,
}

impl<R: Read> Read for Watched<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.input.read(buffer)?;
        self.ended |= count == 0 && !buffer.is_empty();
        Ok(count)
    }
}

impl<R: Read> ZstdReader<R> {
    pub(super) fn new(input: R) -> Self {
        Self { input: Watched { input, ended: false }, frame: None }
    }

    /// Goes into the next frame. Whether there is one.
    fn next_frame(&mut self) -> io::Result<bool> {
        loop {
            let mut magic = Vec::with_capacity(MAGIC_BYTES);
            (&mut self.input).take(MAGIC_BYTES as u64).read_to_end(&mut magic)?;
            if magic.is_empty() {
                return Ok(false);
            }
            if magic.len() < MAGIC_BYTES {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if is_skippable(&magic) {
                self.skip()?;
            } else if is_magic(&magic) {
                self.frame = Some(self.open(magic)?);
                return Ok(true);
            } else {
                return Err(damaged("something that is no frame follows a frame"));
            }
        }
    }

    fn skip(&mut self) -> io::Result<()> {
        let mut length = [0; 4];
        self.input.read_exact(&mut length)?;
        let length = u64::from(u32::from_le_bytes(length));
        if io::copy(&mut (&mut self.input).take(length), &mut io::sink())? < length {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(())
    }

    fn open(&mut self, mut header: Vec<u8>) -> io::Result<Frame> {
        let mut descriptor = [0; 1];
        self.input.read_exact(&mut descriptor)?;
        let [descriptor] = descriptor;
        header.push(descriptor);
        let more = header_bytes(descriptor);
        (&mut self.input).take(more as u64).read_to_end(&mut header)?;
        if header.len() < MAGIC_BYTES + 1 + more {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let window = window_bytes(descriptor, &header[MAGIC_BYTES + 1..]);
        if window > WINDOW_BYTES_MAX {
            let reason = format!(
                "it needs a window of {window} bytes, above the {} MiB that are allowed: unpack it with zstd --long \
                 first",
                WINDOW_BYTES_MAX >> 20
            );
            return Err(damaged(&reason));
        }
        let mut decoder = FrameDecoder::new();
        decoder.init(Cursor::new(header)).map_err(|error| damaged(&error.to_string()))?;
        Ok(Frame { decoder, has_checksum: descriptor & 4 != 0, cut_off: false })
    }
}

/// Bytes of the header after the descriptor.
fn header_bytes(descriptor: u8) -> usize {
    let single_segment = descriptor & 0x20 != 0;
    let window = usize::from(!single_segment);
    let dictionary = [0, 1, 2, 4][usize::from(descriptor & 3)];
    let size = match descriptor >> 6 {
        0 => usize::from(single_segment),
        1 => 2,
        2 => 4,
        _ => 8,
    };
    debug_assert!(window + dictionary + size <= HEADER_BYTES_MAX, "a header has 14 bytes at most");
    window + dictionary + size
}

/// Bytes that must be kept to unpack the frame. `rest` is the header after the descriptor.
fn window_bytes(descriptor: u8, rest: &[u8]) -> u64 {
    if descriptor & 0x20 == 0 {
        let code = rest.first().copied().unwrap_or(0);
        let base = 1_u64 << (10 + (code >> 3));
        return base + base / 8 * u64::from(code & 7);
    }
    // The whole text is the window; its size stands last.
    let dictionary = [0, 1, 2, 4][usize::from(descriptor & 3)];
    let size = &rest[dictionary..];
    let mut bytes = [0; 8];
    bytes[..size.len()].copy_from_slice(size);
    u64::from_le_bytes(bytes) + if size.len() == 2 { 256 } else { 0 }
}

fn damaged(reason: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason)
}

impl<R: Read> Read for ZstdReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            let Some(frame) = &mut self.frame else {
                if self.next_frame()? {
                    continue;
                }
                return Ok(0);
            };
            let count = frame.read(&mut self.input, buffer)?;
            if count > 0 {
                return Ok(count);
            }
            frame.finish()?;
            self.frame = None;
        }
    }
}

impl Frame {
    /// Nothing: the frame is over.
    fn read<R: Read>(&mut self, input: &mut Watched<R>, buffer: &mut [u8]) -> io::Result<usize> {
        while self.decoder.can_collect() == 0 && !self.decoder.is_finished() {
            let block = BlockDecodingStrategy::UptoBlocks(1);
            let Err(error) = self.decoder.decode_blocks(&mut *input, block) else { continue };
            if !input.ended || self.cut_off {
                return Err(damaged(&error.to_string()));
            }
            // What was unpacked so far is kept back as the window of blocks that will never come.
            self.cut_off = true;
            let end = BlockDecodingStrategy::UptoBlocks(1);
            let ended = self.decoder.decode_blocks(END_OF_FRAME.as_slice(), end);
            ended.map_err(|error| damaged(&error.to_string()))?;
        }
        self.decoder.read(buffer)
    }

    /// Whether the frame is what was packed.
    fn finish(&self) -> io::Result<()> {
        if self.cut_off {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let found = self.decoder.get_calculated_checksum();
        if self.has_checksum && self.decoder.get_checksum_from_data() != found {
            return Err(damaged("a checksum does not match"));
        }
        Ok(())
    }
}

/// Packs what is written to it, in frames that are independent of each other.
pub(crate) struct ZstdWriter<W> {
    out: W,
    text: Vec<u8>,
}

impl<W: Write> ZstdWriter<W> {
    pub(crate) fn new(out: W) -> Self {
        Self { out, text: Vec::with_capacity(FRAME_BYTES) }
    }

    fn write_frame(&mut self) -> io::Result<()> {
        let frame = compress_to_vec(self.text.as_slice(), CompressionLevel::Fastest);
        self.text.clear();
        self.out.write_all(&frame)
    }

    /// Writes what is left. Nothing at all is a frame, too: an empty file is not zstd's.
    pub(crate) fn finish(mut self) -> io::Result<W> {
        self.write_frame()?;
        Ok(self.out)
    }
}

impl<W: Write> Write for ZstdWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = bytes.len().min(FRAME_BYTES - self.text.len());
        self.text.extend_from_slice(&bytes[..count]);
        if self.text.len() == FRAME_BYTES {
            self.write_frame()?;
        }
        Ok(count)
    }

    /// Frames are written when they are full: a small one costs more than it saves.
    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
