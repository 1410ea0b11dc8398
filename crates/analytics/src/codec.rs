//! Cells as bytes.
//!
//! ```text
//! version  1 byte, 1
//! n        varint, how many cells
//! columns  metric, actor, volume, kind, category, subject, hour, count, sum, sum - max: each a form (1 byte), its length (varint), its bytes
//! sketches varint how many; each: varint cell, 1 byte form (0 exact, 1 registers), varint length, bytes
//! ```
//!
//! Varints are LEB128; signed numbers are zigzag first. A column takes the shortest of four forms: its values, their differences, and either of those as
//! runs (value, how often). Cells are in order, so most columns are long runs or small steps. Columns are read side by side, and a cell out of order ends it:
//! however few bytes claim to be many cells, there are no more than the bytes can tell apart.

use crate::{
    cells::{Cell, Cells, Key, Value},
    sketch::Sketch,
};

const VERSION: u8 = 1;
const COLUMNS: usize = 10;
/// More in one bucket are none of ours.
const CELLS_MAX: u64 = 1 << 24;

/// These bytes are no cells of this version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("The stored numbers of usage cannot be read; `llmos analytics rebuild` makes them anew.")]
pub struct Unreadable;

/// `cells` as bytes.
pub fn encode(cells: &Cells) -> Vec<u8> {
    let mut bytes = vec![VERSION];
    put(&mut bytes, cells.len() as u64);
    let columns: [fn(&Key, &Value) -> i64; COLUMNS] = [
        |key, _| key.metric.into(),
        |key, _| key.actor.into(),
        |key, _| key.volume.into(),
        |key, _| key.artifact_kind.into(),
        |key, _| key.category.into(),
        |key, _| key.subject.into(),
        |key, _| key.hour.into(),
        |_, value| value.count as i64,
        |_, value| value.sum,
        |_, value| value.sum.wrapping_sub(value.max),
    ];
    for column in columns {
        put_column(&mut bytes, &cells.iter().map(|(key, value)| column(key, value)).collect::<Vec<_>>());
    }
    let sketches: Vec<_> = (0_u64..).zip(cells.iter()).filter_map(|(at, (_, value))| Some((at, value.sketch.as_deref()?))).collect();
    put(&mut bytes, sketches.len() as u64);
    for (at, sketch) in sketches {
        put(&mut bytes, at);
        let (form, body) = match sketch {
            Sketch::Exact(keys) => {
                let mut body = Vec::new();
                let mut before = 0;
                for &key in keys {
                    put(&mut body, u64::from(key.wrapping_sub(before)));
                    before = key;
                }
                (0, body)
            }
            Sketch::Registers(registers) => (1, registers.clone()),
        };
        bytes.push(form);
        put(&mut bytes, body.len() as u64);
        bytes.extend(body);
    }
    bytes
}

/// The cells that [`encode`] made `bytes` of.
pub fn decode(bytes: &[u8]) -> Result<Cells, Unreadable> {
    read(bytes).ok_or(Unreadable)
}

fn read(mut bytes: &[u8]) -> Option<Cells> {
    let rest = &mut bytes;
    if take(rest, 1)? != [VERSION] {
        return None;
    }
    let n = get(rest).filter(|&n| n <= CELLS_MAX)?;
    let mut columns = Vec::with_capacity(COLUMNS);
    for _ in 0..COLUMNS {
        let form = *take(rest, 1)?.first()?;
        let length = usize::try_from(get(rest)?).ok()?;
        columns.push(Column { form: Form::of(form)?, bytes: take(rest, length)?, value: 0, left: 0, step: 0 });
    }
    let mut columns: [Column; COLUMNS] = columns.try_into().ok()?;
    // A cell is at least a bit of something; what claims more than its bytes hold grows only as far as it can be read.
    let mut cells: Vec<Cell> = Vec::with_capacity((n as usize).min(rest.len().max(1024)));
    for _ in 0..n {
        let [metric, actor, volume, kind, category, subject, hour, count, sum, less] = &mut columns;
        let key = Key {
            metric: metric.next()?.try_into().ok()?,
            actor: actor.next()?.try_into().ok()?,
            volume: volume.next()?.try_into().ok()?,
            artifact_kind: kind.next()?.try_into().ok()?,
            category: category.next()?.try_into().ok()?,
            subject: subject.next()?.try_into().ok()?,
            hour: hour.next()?.try_into().ok()?,
        };
        let (count, sum) = (count.next()? as u64, sum.next()?);
        if cells.last().is_some_and(|(last, _)| *last >= key) {
            return None;
        }
        cells.push((key, Value { count, sum, max: sum.wrapping_sub(less.next()?), sketch: None }));
    }
    if columns.iter().any(|column| !column.bytes.is_empty() || column.left > 0) {
        return None;
    }
    for _ in 0..get(rest)? {
        let at = usize::try_from(get(rest)?).ok()?;
        let form = *take(rest, 1)?.first()?;
        let length = usize::try_from(get(rest)?).ok()?;
        let body = take(rest, length)?;
        let sketch = match form {
            0 => exact(body)?,
            1 => Sketch::of_registers(body)?,
            _ => return None,
        };
        cells.get_mut(at)?.1.sketch = Some(Box::new(sketch));
    }
    rest.is_empty().then_some(())?;
    Cells::ordered(cells)
}

fn exact(mut body: &[u8]) -> Option<Sketch> {
    let mut keys: Vec<u32> = Vec::new();
    while !body.is_empty() {
        let step = u32::try_from(get(&mut body)?).ok()?;
        let next = match keys.last() {
            Some(_) if step == 0 => return None,
            Some(&last) => last.checked_add(step)?,
            None => step,
        };
        keys.push(next);
    }
    (keys.len() <= crate::sketch::EXACT_MAX).then_some(Sketch::Exact(keys))
}

/// How a column is written.
#[derive(Clone, Copy)]
struct Form {
    /// Differences to the value before instead of values.
    steps: bool,
    /// Each with how often it comes in a row.
    runs: bool,
}

impl Form {
    const ALL: [Self; 4] = [
        Self { steps: false, runs: false },
        Self { steps: true, runs: false },
        Self { steps: false, runs: true },
        Self { steps: true, runs: true },
    ];

    fn of(byte: u8) -> Option<Self> {
        Self::ALL.get(usize::from(byte)).copied()
    }

    fn write(self, values: &[i64]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut before = 0;
        let mut run: Option<(i64, u64)> = None;
        for &value in values {
            let step = if self.steps { value.wrapping_sub(before) } else { value };
            before = value;
            match &mut run {
                _ if !self.runs => put(&mut bytes, zigzag(step)),
                Some((of, length)) if *of == step => *length += 1,
                _ => {
                    if let Some((of, length)) = run.replace((step, 1)) {
                        put(&mut bytes, zigzag(of));
                        put(&mut bytes, length);
                    }
                }
            }
        }
        if let Some((of, length)) = run {
            put(&mut bytes, zigzag(of));
            put(&mut bytes, length);
        }
        bytes
    }
}

fn put_column(bytes: &mut Vec<u8>, values: &[i64]) {
    let best = (0_u8..).zip(Form::ALL.map(|form| form.write(values))).min_by_key(|(_, written)| written.len());
    if let Some((form, written)) = best {
        bytes.push(form);
        put(bytes, written.len() as u64);
        bytes.extend(written);
    }
}

/// A column that is being read.
struct Column<'a> {
    form: Form,
    bytes: &'a [u8],
    value: i64,
    /// How often `step` still comes.
    left: u64,
    step: i64,
}

impl Column<'_> {
    fn next(&mut self) -> Option<i64> {
        if self.left == 0 {
            self.step = unzigzag(get(&mut self.bytes)?);
            self.left = if self.form.runs { get(&mut self.bytes).filter(|&length| length > 0)? } else { 1 };
        }
        self.left -= 1;
        self.value = if self.form.steps { self.value.wrapping_add(self.step) } else { self.step };
        Some(self.value)
    }
}

fn take<'a>(rest: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (taken, left) = rest.split_at_checked(length)?;
    *rest = left;
    Some(taken)
}

fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

fn unzigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

fn put(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

fn get(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let byte = *take(rest, 1)?.first()?;
        let bits = u64::from(byte & 0x7f);
        // The tenth byte has room for one bit.
        if shift == 63 && bits > 1 {
            return None;
        }
        value |= bits << shift;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{decode, encode, get, put};
    use crate::{
        cells::{Cell, Cells, Key, Value},
        sketch::Sketch,
    };

    fn cell() -> impl Strategy<Value = Cell> {
        let key = (0..70_u16, 0..5_u32, any::<u32>(), 0..4_u8, 0..13_u8, 0..200_u32, 0..25_u8);
        let value =
            (any::<u64>(), any::<i64>(), any::<i64>(), proptest::option::weighted(0.1, proptest::collection::vec(any::<u32>(), 0..50)));
        (key, value).prop_map(|((metric, actor, volume, artifact_kind, category, subject, hour), (count, sum, max, people))| {
            let sketch = people.map(|people| Box::new(people.into_iter().collect::<Sketch>()));
            (Key { metric, actor, volume, artifact_kind, category, subject, hour }, Value { count, sum, max, sketch })
        })
    }

    proptest! {
        #[test]
        fn cells_come_back(cells in proptest::collection::vec(cell(), 0..200)) {
            let cells: Cells = cells.into_iter().collect();
            prop_assert_eq!(decode(&encode(&cells)), Ok(cells));
        }

        #[test]
        fn foreign_bytes_never_panic(mut bytes in proptest::collection::vec(any::<u8>(), 0..400), versioned in any::<bool>()) {
            if versioned && let Some(first) = bytes.first_mut() {
                *first = super::VERSION;
            }
            if let Ok(cells) = decode(&bytes) {
                prop_assert_eq!(decode(&encode(&cells)), Ok(cells));
            }
        }

        #[test]
        fn damaged_bytes_never_panic(cells in proptest::collection::vec(cell(), 1..50), at in any::<prop::sample::Index>(), flip in 1..=255_u8) {
            let mut bytes = encode(&cells.into_iter().collect());
            let at = at.index(bytes.len());
            bytes[at] ^= flip;
            let _ = decode(&bytes);
            let _ = decode(&bytes[..at]);
        }

        #[test]
        fn numbers_come_back(number in any::<u64>()) {
            let mut bytes = Vec::new();
            put(&mut bytes, number);
            prop_assert_eq!(get(&mut bytes.as_slice()), Some(number));
        }
    }

    #[test]
    fn registers_come_back_and_a_claim_of_many_cells_costs_nothing() {
        let people = Value { count: 1, sketch: Some(Box::new((0..20_000).collect())), ..Value::default() };
        let cells: Cells = [(Key::default(), people)].into_iter().collect();
        assert_eq!(decode(&encode(&cells)), Ok(cells));
        // 2^24 cells that are all the same, in a few bytes.
        let mut bytes = vec![super::VERSION];
        put(&mut bytes, 1 << 24);
        for _ in 0..super::COLUMNS {
            bytes.push(2);
            let mut column = Vec::new();
            put(&mut column, 0);
            put(&mut column, 1 << 24);
            put(&mut bytes, column.len() as u64);
            bytes.extend(column);
        }
        put(&mut bytes, 0);
        assert!(decode(&bytes).is_err());
    }
}
