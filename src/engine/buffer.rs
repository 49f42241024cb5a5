//! Room for the values of a column, used again once the column is dropped.

use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, PoisonError};

/// Numbers in a row. Where many runs follow each other, one works in the room of another: the system takes longer to
/// hand out new memory than most indicators take to be computed.
pub(super) struct Buffer {
    values: Vec<f64>,
    /// Whether it waits to be used again once dropped.
    returns: bool,
}

/// Room that waits to be used again.
static SPARE: Mutex<Vec<Vec<f64>>> = Mutex::new(Vec::new());

/// Numbers that the room in wait has at most, all together: 64 MB.
const SPARE_MOST: usize = 8 << 20;
/// Less than these 64 kB the allocator keeps well by itself.
const SPARE_LEAST: usize = 8 << 10;

impl Buffer {
    /// Of any content, which is to be written over.
    pub fn new(length: usize) -> Buffer {
        let spare = if length < SPARE_LEAST { None } else { spare(length) };
        let mut values = spare.unwrap_or_else(|| vec![0.0; length]);
        values.resize(length, 0.0);
        Buffer { values, returns: length >= SPARE_LEAST }
    }

    pub fn into_inner(mut self) -> Vec<f64> {
        self.returns = false;
        std::mem::take(&mut self.values)
    }
}

fn spare(length: usize) -> Option<Vec<f64>> {
    let mut spare = SPARE.lock().unwrap_or_else(PoisonError::into_inner);
    let fits = spare.iter().position(|room| (length..=length + length / 4).contains(&room.capacity()))?;
    Some(spare.remove(fits))
}

impl Drop for Buffer {
    fn drop(&mut self) {
        if !self.returns {
            return;
        }
        let mut spare = SPARE.lock().unwrap_or_else(PoisonError::into_inner);
        spare.push(std::mem::take(&mut self.values));
        // The oldest go: nobody has wanted rooms of their size for the longest time.
        while spare.iter().map(Vec::capacity).sum::<usize>() > SPARE_MOST {
            spare.remove(0);
        }
    }
}

impl Deref for Buffer {
    type Target = [f64];

    fn deref(&self) -> &[f64] {
        &self.values
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [f64] {
        &mut self.values
    }
}

impl From<Vec<f64>> for Buffer {
    fn from(values: Vec<f64>) -> Buffer {
        Buffer { values, returns: false }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_as_long_as_asked_for_whatever_was_there_before() {
        for length in
            [0, 1, SPARE_LEAST, SPARE_LEAST + 1, 2 * SPARE_LEAST, SPARE_LEAST + 7, 3, SPARE_MOST + 1]
        {
            let mut buffer = Buffer::new(length);
            assert_eq!(buffer.len(), length);
            buffer.fill(1.5);
            assert_eq!(buffer.iter().sum::<f64>(), 1.5 * length as f64);
        }
    }

    #[test]
    fn no_more_room_waits_than_may() {
        let many: Vec<Buffer> = (0..40).map(|_| Buffer::new(SPARE_MOST / 8)).collect();
        drop(many);
        let spare = SPARE.lock().unwrap();
        assert!(spare.iter().map(Vec::capacity).sum::<usize>() <= SPARE_MOST);
        assert!(spare.iter().all(|room| room.capacity() >= SPARE_LEAST));
    }
}
