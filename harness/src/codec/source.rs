//! The bytes of a history: unpacked where they are packed, with the start looked at before the rest is read.
//!
//! Whether a file is packed is told by its first bytes, never by its name, and what was unpacked is looked at again, so
//! that a packed file may have been packed twice. gzip may have many members and zstd many frames, as `cat a.gz b.gz` and
//! the parallel packers write them.
//!
//! A packed file that ends early (a run was killed, a disk was full) gives all bytes that can be unpacked and then just
//! ends; [`Source::torn`] says so afterwards. Damage within the data is an error of kind `InvalidData`. Memory is bounded
//! by the window of the packing, and a window that no packer makes by itself is refused (see [`zstd`]).

pub(super) mod zstd;

use std::cell::Cell;
use std::io::{self, BufReader, Chain, Cursor, Read};
use std::rc::Rc;

use flate2::read::MultiGzDecoder;

use zstd::ZstdReader;

/// Bytes that are looked at to tell the format.
pub(super) const PEEK_BYTES: usize = 64 << 10;

/// Bytes that are read in one go.
const READ_BYTES: usize = 256 << 10;

/// Packings within packings.
const LAYERS_MAX: usize = 3;

const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// An open history.
pub(super) struct Source<'a> {
    input: BufReader<Whole<'a>>,
    torn: Torn,
}

/// What was looked at, and the rest.
type Whole<'a> = Chain<Cursor<Vec<u8>>, Box<dyn Read + 'a>>;

/// Which packing ended early, if one did.
type Torn = Rc<Cell<Option<&'static str>>>;

impl<'a> Source<'a> {
    /// Unpacks what is packed.
    pub(super) fn open(input: impl Read + 'a) -> io::Result<Self> {
        let torn = Torn::default();
        let mut input: Box<dyn Read + 'a> = Box::new(Patient(input));
        for _ in 0..LAYERS_MAX {
            let head = head_of(&mut input, zstd::MAGIC_BYTES)?;
            let magic = head.clone();
            let whole = Cursor::new(head).chain(input);
            input = if magic.starts_with(&GZIP_MAGIC) {
                Box::new(Unpacked::new("gzip", MultiGzDecoder::new(whole), &torn))
            } else if zstd::is_magic(&magic) {
                Box::new(Unpacked::new("zstd", ZstdReader::new(BufReader::new(whole)), &torn))
            } else {
                input = Box::new(whole);
                break;
            };
        }
        let head = head_of(&mut input, PEEK_BYTES)?;
        // A short file is all here.
        let capacity = if head.len() < PEEK_BYTES { head.len().max(1) } else { READ_BYTES };
        let input = BufReader::with_capacity(capacity, Cursor::new(head).chain(input));
        Ok(Self { input, torn })
    }

    /// The first bytes. Fewer than [`PEEK_BYTES`] are all that there are.
    pub(super) fn start(&self) -> &[u8] {
        self.input.get_ref().get_ref().0.get_ref()
    }

    /// All bytes, from the first.
    pub(super) fn input(&mut self) -> &mut impl io::BufRead {
        &mut self.input
    }

    /// The packing that ended early. Known once everything is read.
    pub(super) fn torn(&self) -> Option<&'static str> {
        self.torn.get()
    }
}

/// Up to so many bytes: fewer only at the end, however few come at a time.
fn head_of(input: &mut impl Read, bytes_max: usize) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    input.take(bytes_max as u64).read_to_end(&mut head)?;
    Ok(head)
}

/// A signal in the middle of a read is no reason to give up.
struct Patient<R>(R);

impl<R: Read> Read for Patient<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.0.read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => return other,
            }
        }
    }
}

/// What comes out of an unpacker: a file that ends early just ends.
struct Unpacked<R> {
    packing: &'static str,
    input: R,
    torn: Torn,
    over: bool,
}

impl<R: Read> Unpacked<R> {
    fn new(packing: &'static str, input: R, torn: &Torn) -> Self {
        Self { packing, input, torn: Rc::clone(torn), over: false }
    }
}

impl<R: Read> Read for Unpacked<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        use io::ErrorKind::{InvalidData, InvalidInput, UnexpectedEof};
        if self.over {
            return Ok(0);
        }
        self.input.read(buffer).or_else(|error| match error.kind() {
            UnexpectedEof => {
                self.over = true;
                self.torn.set(Some(self.packing));
                Ok(0)
            }
            InvalidData | InvalidInput => {
                let text = format!("the {} data are damaged: {error}", self.packing);
                Err(io::Error::new(InvalidData, text))
            }
            _ => Err(error),
        })
    }
}
