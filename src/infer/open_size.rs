//! A model with a fixed input made one that takes any height and width.
//!
//! In: an ONNX file's bytes, and the name and size of its input. Out: the same file with the input's height and width
//! left open, and without the shapes that were derived from them; or nothing, where it is not built as expected. A picture that
//! is wider than the model's square leaves a third of it grey, and a convolution takes as long over grey as over
//! people: with the size open only the part that holds the picture is computed.
//!
//! Exporters fix the size though the operators do not need it. Where one does (a reshape to a constant), ONNX Runtime
//! says so at the first run with another size; whoever uses this tries one, and takes the file as it is where it fails.
//!
//! ONNX is a protocol buffer. Of its hundreds of fields six are looked at and the rest is copied, so the format is read
//! here, in a few lines, rather than through generated code for all of it. Field numbers are those of `onnx.proto`.

const MODEL_GRAPH: u64 = 7;
const GRAPH_INPUT: u64 = 11;
const GRAPH_OUTPUT: u64 = 12;
const GRAPH_VALUE_INFO: u64 = 13;
const VALUE_NAME: u64 = 1;
const VALUE_TYPE: u64 = 2;
const TYPE_TENSOR: u64 = 1;
const TENSOR_SHAPE: u64 = 2;
const SHAPE_DIM: u64 = 1;
const DIM_VALUE: u64 = 1;
const DIM_PARAM: u64 = 2;

// How a field's value is written: the low three bits of its key.
const VARINT: u64 = 0;
const EIGHT_BYTES: u64 = 1;
const BYTES: u64 = 2;
const FOUR_BYTES: u64 = 5;

/// What becomes of a field that has bytes in it.
enum Edit {
    Keep,
    Drop,
    Put(Vec<u8>),
}

/// The file with the sides of `input` left open that are `width` and `height` in it; `None` if it is no ONNX file or has
/// no four-sided input of that name and size.
pub fn open_size(model: &[u8], input: &str, (width, height): (usize, usize)) -> Option<Vec<u8>> {
    let mut opened = false;
    let model = rewrite(model, |field, graph| match field {
        MODEL_GRAPH => rewrite(graph, |field, value| match field {
            GRAPH_VALUE_INFO => Some(Edit::Drop),
            GRAPH_OUTPUT => tensor(value, |field, _| Some(if field == TENSOR_SHAPE { Edit::Drop } else { Edit::Keep })),
            GRAPH_INPUT if name(value)? == input.as_bytes() => {
                opened = true;
                tensor(value, |field, shape| match field {
                    TENSOR_SHAPE => sides_open(shape, width, height).map(Edit::Put),
                    _ => Some(Edit::Keep),
                })
            }
            _ => Some(Edit::Keep),
        })
        .map(Edit::Put),
        _ => Some(Edit::Keep),
    })?;
    opened.then_some(model)
}

/// Edits the tensor type in a value's description.
fn tensor(value: &[u8], mut edit: impl FnMut(u64, &[u8]) -> Option<Edit>) -> Option<Edit> {
    let value = rewrite(value, |field, kind| match field {
        VALUE_TYPE => rewrite(kind, |field, tensor| match field {
            TYPE_TENSOR => rewrite(tensor, &mut edit).map(Edit::Put),
            _ => Some(Edit::Keep),
        })
        .map(Edit::Put),
        _ => Some(Edit::Keep),
    })?;
    Some(Edit::Put(value))
}

fn name(value: &[u8]) -> Option<Vec<u8>> {
    let mut name = Vec::new();
    rewrite(value, |field, bytes| {
        if field == VALUE_NAME {
            name = bytes.to_vec();
        }
        Some(Edit::Keep)
    })?;
    Some(name)
}

/// A shape of four sides with the last two open.
fn sides_open(shape: &[u8], width: usize, height: usize) -> Option<Vec<u8>> {
    let mut side = 0;
    let shape = rewrite(shape, |field, fixed| {
        if field != SHAPE_DIM {
            return Some(Edit::Keep);
        }
        side += 1;
        let (called, length): (&[u8], _) = match side {
            3 => (b"height", height),
            4 => (b"width", width),
            _ => return Some(Edit::Keep),
        };
        let mut dim = Vec::new();
        put_number(&mut dim, DIM_VALUE << 3);
        put_number(&mut dim, length as u64);
        if dim != fixed {
            return None;
        }
        dim.clear();
        put(&mut dim, DIM_PARAM, called);
        Some(Edit::Put(dim))
    })?;
    (side == 4).then_some(shape)
}

/// Copies a message, with `edit` asked about each field that has bytes in it.
fn rewrite(message: &[u8], mut edit: impl FnMut(u64, &[u8]) -> Option<Edit>) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(message.len());
    let mut rest = message;
    while !rest.is_empty() {
        let whole = rest;
        let key = varint(&mut rest)?;
        let skip = match key & 7 {
            VARINT => {
                varint(&mut rest)?;
                0
            }
            EIGHT_BYTES => 8,
            FOUR_BYTES => 4,
            BYTES => {
                let length = usize::try_from(varint(&mut rest)?).ok()?;
                let (bytes, after) = rest.split_at_checked(length)?;
                match edit(key >> 3, bytes)? {
                    Edit::Keep => out.extend_from_slice(&whole[..whole.len() - after.len()]),
                    Edit::Drop => {}
                    Edit::Put(bytes) => put(&mut out, key >> 3, &bytes),
                }
                rest = after;
                continue;
            }
            _ => return None,
        };
        rest = rest.get(skip..)?;
        out.extend_from_slice(&whole[..whole.len() - rest.len()]);
    }
    Some(out)
}

fn put(out: &mut Vec<u8>, field: u64, bytes: &[u8]) {
    put_number(out, field << 3 | BYTES);
    put_number(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

fn put_number(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn varint(rest: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (&byte, after) = rest.split_first()?;
        *rest = after;
        number |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn message(fields: &[(u64, &[u8])]) -> Vec<u8> {
        let mut out = Vec::new();
        fields.iter().for_each(|(field, bytes)| put(&mut out, *field, bytes));
        out
    }

    /// A side of a fixed length: `dim_value` is a number, field 1.
    fn side(length: u8) -> Vec<u8> {
        vec![1 << 3, length]
    }

    fn value(name: &str, sides: &[Vec<u8>]) -> Vec<u8> {
        let sides: Vec<_> = sides.iter().map(|s| (SHAPE_DIM, s.as_slice())).collect();
        // The kind of its elements, a number, stands before the shape.
        let tensor = [vec![1 << 3, 1], message(&[(TENSOR_SHAPE, &message(&sides))])].concat();
        message(&[(VALUE_NAME, name.as_bytes()), (VALUE_TYPE, &message(&[(TYPE_TENSOR, &tensor)]))])
    }

    fn model(sides: &[Vec<u8>]) -> Vec<u8> {
        let graph = message(&[
            (1, b"a node"),
            (GRAPH_INPUT, &value("images", sides)),
            (GRAPH_OUTPUT, &value("output", &[side(1)])),
            (GRAPH_VALUE_INFO, &value("between", &[side(5)])),
            (5, b"weights"),
        ]);
        // A version, eight and four bytes: what else may stand in a file.
        [
            vec![1 << 3, 8],
            vec![9 << 3 | 1, 1, 2, 3, 4, 5, 6, 7, 8],
            message(&[(MODEL_GRAPH, &graph)]),
            vec![10 << 3 | 5, 1, 2, 3, 4],
        ]
        .concat()
    }

    #[test]
    fn only_height_and_width_are_opened_and_what_was_derived_goes() {
        let fixed = model(&[side(1), side(3), side(64), side(96)]);
        let open = open_size(&fixed, "images", (96, 64)).unwrap();
        let named = |n: &[u8]| message(&[(DIM_PARAM, n)]);
        let graph = message(&[
            (1, b"a node"),
            (GRAPH_INPUT, &value("images", &[side(1), side(3), named(b"height"), named(b"width")])),
            (
                GRAPH_OUTPUT,
                &message(&[(VALUE_NAME, b"output"), (VALUE_TYPE, &message(&[(TYPE_TENSOR, &[1 << 3, 1])]))]),
            ),
            (5, b"weights"),
        ]);
        let wanted = [
            vec![1 << 3, 8],
            vec![9 << 3 | 1, 1, 2, 3, 4, 5, 6, 7, 8],
            message(&[(MODEL_GRAPH, &graph)]),
            vec![10 << 3 | 5, 1, 2, 3, 4],
        ]
        .concat();
        assert_eq!(open, wanted);
    }

    #[test]
    fn another_input_or_shape_is_left_alone() {
        let fixed = model(&[side(1), side(3), side(64), side(96)]);
        assert_eq!(open_size(&fixed, "pictures", (96, 64)), None);
        assert_eq!(open_size(&fixed, "images", (64, 96)), None);
        assert_eq!(open_size(&model(&[side(1), side(3)]), "images", (96, 64)), None);
    }

    proptest! {
        #[test]
        fn foreign_bytes_do_no_harm(bytes in proptest::collection::vec(any::<u8>(), 0..200), cut in 0usize..120) {
            open_size(&bytes, "images", (96, 64));
            let fixed = model(&[side(1), side(3), side(64), side(96)]);
            open_size(&fixed[..cut.min(fixed.len())], "images", (96, 64));
        }
    }
}
