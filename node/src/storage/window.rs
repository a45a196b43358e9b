//! Reading a file front to back through a bounded buffer, so that replay needs little memory beyond what it returns.

use std::io;

use super::DiskFile;

const WINDOW_BYTES: usize = 256 * 1024;

/// A window onto a file that is not being written.
pub(super) struct Window<'a, F> {
    file: &'a F,
    size: u64,
    start: u64,
    buffer: Vec<u8>,
}

impl<'a, F: DiskFile> Window<'a, F> {
    pub(super) fn new(file: &'a F) -> io::Result<Self> {
        Ok(Self { size: file.size()?, file, start: 0, buffer: Vec::new() })
    }

    pub(super) const fn size(&self) -> u64 {
        self.size
    }

    /// `count` bytes at `offset`, or `None` if the file ends before.
    pub(super) fn get(&mut self, offset: u64, count: u64) -> io::Result<Option<&[u8]>> {
        if offset.checked_add(count).is_none_or(|end| end > self.size) {
            return Ok(None);
        }
        let count = usize::try_from(count).map_err(io::Error::other)?;
        let end = self.start + self.buffer.len() as u64;
        if offset < self.start || offset + count as u64 > end {
            self.fill(offset, count)?;
        }
        let at = usize::try_from(offset - self.start).expect("inside the buffer");
        Ok(Some(&self.buffer[at..at + count]))
    }

    fn fill(&mut self, offset: u64, count: usize) -> io::Result<()> {
        let left = usize::try_from(self.size - offset).unwrap_or(usize::MAX);
        self.buffer.resize(count.max(WINDOW_BYTES).min(left), 0);
        self.start = offset;
        let mut filled = 0;
        while filled < self.buffer.len() {
            match self.file.read_at(offset + filled as u64, &mut self.buffer[filled..])? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                read => filled += read,
            }
        }
        Ok(())
    }
}
