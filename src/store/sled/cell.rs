//! How a value lies in the tree: a small head with the version of the value, then the value, compressed
//! where that helps and cut into pieces where it is large.
//!
//! The pieces matter: sled writes whatever is larger than 128 KiB (also a page of sixteen values) into a
//! file of its own that it never syncs. With pieces of [`PIECE`] bytes no page gets that large.

use bytes::Bytes;

use super::fault::Fault;
use super::keys;

/// The first byte of every value: how the rest is written.
const FORMAT: u8 = 1;
/// format, flags, version (8), length when unpacked (4), number of further pieces (4).
const HEAD: usize = 18;
/// Flag: the value is compressed.
const SQUEEZED: u8 = 1;
/// The most bytes of a value under one key.
const PIECE: usize = 4096;
/// Shorter values are not worth compressing.
const WORTH: usize = 128;
/// No value is larger; a head that claims more is damaged.
const LARGEST: usize = 1 << 30;

/// A value in the form in which it is stored.
#[derive(Debug, Clone)]
pub(super) struct Packed {
    raw_len: usize,
    squeezed: bool,
    bytes: Bytes,
}

impl Packed {
    /// Compresses a value where that makes it smaller.
    pub(super) fn pack(raw: Bytes) -> Self {
        let raw_len = raw.len();
        if raw_len >= WORTH {
            let squeezed = lz4_flex::block::compress(&raw);
            if squeezed.len() < raw_len {
                return Self { raw_len, squeezed: true, bytes: squeezed.into() };
            }
        }
        Self { raw_len, squeezed: false, bytes: raw }
    }

    /// The value as it was packed.
    pub(super) fn unpack(&self) -> Result<Bytes, Fault> {
        if !self.squeezed {
            return Ok(self.bytes.clone());
        }
        let raw = lz4_flex::block::decompress(&self.bytes, self.raw_len)
            .map_err(|error| Fault::damaged(format!("a value cannot be unpacked: {error}")))?;
        Ok(raw.into())
    }

    /// How many bytes it takes up.
    pub(super) fn weight(&self) -> usize {
        self.bytes.len()
    }
}

/// A value with its version.
#[derive(Debug, Clone)]
pub(super) struct Cell {
    /// Its version; no two writes ever have the same.
    pub(super) rev: u64,
    /// The value.
    pub(super) packed: Packed,
}

/// What the head of a value says.
#[derive(Debug, Clone, Copy)]
pub(super) struct Head {
    /// The version.
    pub(super) rev: u64,
    squeezed: bool,
    raw_len: usize,
    pieces: u32,
}

impl Head {
    /// How many bytes lie in further pieces.
    pub(super) fn weight(&self) -> usize {
        (self.pieces as usize).saturating_mul(PIECE)
    }
}

fn head_of(value: &[u8]) -> Result<(Head, &[u8]), Fault> {
    let damaged = || Fault::damaged("a value is cut short or was not written by this version".to_owned());
    let (head, rest) = value.split_at_checked(HEAD).ok_or_else(damaged)?;
    let [format, flags, rev @ .., r0, r1, r2, r3, p0, p1, p2, p3] = head else {
        return Err(damaged());
    };
    let rev: [u8; 8] = rev.try_into().map_err(|_| damaged())?;
    let raw_len = u32::from_be_bytes([*r0, *r1, *r2, *r3]) as usize;
    if *format != FORMAT || raw_len > LARGEST {
        return Err(damaged());
    }
    let head = Head {
        rev: u64::from_be_bytes(rev),
        squeezed: flags & SQUEEZED != 0,
        raw_len,
        pieces: u32::from_be_bytes([*p0, *p1, *p2, *p3]),
    };
    Ok((head, rest))
}

/// The head of the value of `key`, without its pieces.
pub(super) fn head(tree: &::sled::Tree, key: &[u8]) -> Result<Option<Head>, Fault> {
    let Some(value) = tree.get(key)? else { return Ok(None) };
    Ok(Some(head_of(&value)?.0))
}

/// The whole value of `key`.
pub(super) fn read(tree: &::sled::Tree, key: &[u8]) -> Result<Option<Cell>, Fault> {
    let Some(value) = tree.get(key)? else { return Ok(None) };
    whole(tree, key, &value).map(Some)
}

/// The whole value of `key`, of which a scan has found the beginning.
pub(super) fn whole(tree: &::sled::Tree, key: &[u8], value: &[u8]) -> Result<Cell, Fault> {
    let (head, first) = head_of(value)?;
    // As large as it will be, and no larger than values are, whatever the head says.
    let mut bytes = Vec::with_capacity(
        (head.pieces as usize).saturating_mul(PIECE).saturating_add(first.len()).min(LARGEST),
    );
    bytes.extend_from_slice(first);
    for place in 0..head.pieces {
        let piece = tree
            .get(keys::piece(key, place))?
            .ok_or_else(|| Fault::damaged("a piece of a value is missing".to_owned()))?;
        bytes.extend_from_slice(&piece);
    }
    let packed = Packed { raw_len: head.raw_len, squeezed: head.squeezed, bytes: bytes.into() };
    Ok(Cell { rev: head.rev, packed })
}

/// Adds to `batch` what makes `key`, which holds `before`, hold `cell`, or nothing.
pub(super) fn write(
    batch: &mut ::sled::Batch,
    key: &[u8],
    before: Option<Head>,
    cell: Option<&Cell>,
) -> Result<(), Fault> {
    let mut pieces = 0_u32;
    match cell {
        Some(cell) => {
            let (first, rest) = cell.packed.bytes.split_at(cell.packed.bytes.len().min(PIECE));
            for piece in rest.chunks(PIECE) {
                batch.insert(keys::piece(key, pieces), piece);
                pieces += 1;
            }
            // Values are far below 4 GiB: bodies are limited where they come in.
            let raw_len = u32::try_from(cell.packed.raw_len)
                .ok()
                .filter(|len| *len as usize <= LARGEST)
                .ok_or_else(|| Fault::damaged("a value is too large to be kept".to_owned()))?;
            let mut value = Vec::with_capacity(HEAD + first.len());
            value.push(FORMAT);
            value.push(if cell.packed.squeezed { SQUEEZED } else { 0 });
            value.extend_from_slice(&cell.rev.to_be_bytes());
            value.extend_from_slice(&raw_len.to_be_bytes());
            value.extend_from_slice(&pieces.to_be_bytes());
            value.extend_from_slice(first);
            batch.insert(key, value);
        }
        None if before.is_some() => batch.remove(key),
        None => {}
    }
    for place in pieces..before.map_or(0, |head| head.pieces) {
        batch.remove(keys::piece(key, place));
    }
    Ok(())
}
