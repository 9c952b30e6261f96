//! Dictionaries of Arrow columns: one for all record batches, in the order that the file gives its categories.
//!
//! Every batch of a stream and every row group of a Parquet file may have a dictionary of its own. Joined as they are, they
//! would repeat categories or outgrow their keys. Here each category is there once, also those that no row has, and the
//! keys are as wide as they must be.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowDictionaryKeyType, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef, DictionaryArray, Int64Array, RecordBatch, UInt32Array};
use arrow_cast::cast;
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef};
use arrow_select::concat::concat;
use arrow_select::take::take;

/// Above this many, ordered categories of several dictionaries stay in the order in which they are found.
const MOST_ORDERED: usize = 10_000;

/// One batch of all, and its schema: that of the file, but for keys of dictionaries that had to become wider.
pub(crate) fn joined(schema: &SchemaRef, batches: &[RecordBatch]) -> Result<(SchemaRef, RecordBatch), ArrowError> {
    if let [only] = batches {
        return Ok((Arc::clone(schema), only.clone()));
    }
    let mut fields = schema.fields().to_vec();
    let mut columns = Vec::with_capacity(fields.len());
    for (index, field) in fields.iter_mut().enumerate() {
        let arrays: Vec<&dyn Array> = batches.iter().map(|batch| batch.column(index).as_ref()).collect();
        if arrays.is_empty() {
            columns.push(arrow_array::new_empty_array(field.data_type()));
            continue;
        }
        let array = if matches!(field.data_type(), DataType::Dictionary(_, _)) {
            let (own, array) = joined_dictionaries(field, &arrays)?;
            *field = Arc::new(own);
            array
        } else {
            match concat(&arrays) {
                Ok(array) => array,
                // Keys of nested dictionaries that are too narrow for all batches.
                Err(error) => {
                    let wide = with_wide_keys(field.data_type());
                    if wide == *field.data_type() {
                        return Err(error);
                    }
                    let arrays = arrays.iter().map(|array| cast(*array, &wide)).collect::<Result<Vec<_>, _>>()?;
                    *field = Arc::new(field.as_ref().clone().with_data_type(wide));
                    concat(&arrays.iter().map(AsRef::as_ref).collect::<Vec<_>>())?
                }
            }
        };
        columns.push(array);
    }
    let schema = Arc::new(Schema::new_with_metadata(fields, schema.metadata().clone()));
    let rows = batches.iter().map(RecordBatch::num_rows).sum();
    let options = arrow_array::RecordBatchOptions::new().with_row_count(Some(rows));
    let batch = RecordBatch::try_new_with_options(Arc::clone(&schema), columns, &options)?;
    Ok((schema, batch))
}

fn joined_dictionaries(field: &Field, arrays: &[&dyn Array]) -> Result<(Field, ArrayRef), ArrowError> {
    let same = |array: &&dyn Array| {
        let (one, first) = (array.as_any_dictionary().values(), arrays[0].as_any_dictionary().values());
        one.to_data().ptr_eq(&first.to_data())
    };
    if arrays.iter().all(same) {
        return Ok((field.clone(), concat(arrays)?));
    }
    let dictionaries: Vec<ArrayRef> =
        arrays.iter().map(|array| Arc::clone(array.as_any_dictionary().values())).collect();
    let union = Union::of(&dictionaries, is_ordered(field))?;
    let mut keys = Vec::with_capacity(arrays.len());
    for (array, map) in arrays.iter().zip(&union.maps) {
        keys.push(mapped(*array, map)?);
    }
    let keys = concat(&keys.iter().map(|keys| keys as &dyn Array).collect::<Vec<_>>())?;
    let array = dictionary(key_type(field.data_type()), &keys, union.values)?;
    Ok((retyped(field, &array, union.in_order), array))
}

/// A dictionary column whose file gives the categories in an order of their own, in one dictionary after another. They
/// become those of the column; behind them come values that are in none of the dictionaries.
pub(crate) fn with_categories(
    field: &Field,
    array: &ArrayRef,
    dictionaries: &[ArrayRef],
) -> Result<(Field, ArrayRef), ArrowError> {
    let own = array.as_any_dictionary().values();
    let dictionaries = dictionaries.iter().map(|one| cast(one, own.data_type())).collect::<Result<Vec<_>, _>>()?;
    let categories = Union::of(&dictionaries, is_ordered(field))?;
    // The column's own dictionary is in the order of its rows, which says nothing about the categories.
    let union = Union::of(&[categories.values, Arc::clone(own)], false)?;
    let keys = mapped(array, &union.maps[1])?;
    let array = dictionary(key_type(field.data_type()), &keys, union.values)?;
    Ok((retyped(field, &array, categories.in_order), array))
}

fn retyped(field: &Field, array: &ArrayRef, in_order: bool) -> Field {
    let field = field.clone().with_data_type(array.data_type().clone());
    if in_order { field } else { field.with_dict_is_ordered(false) }
}

/// Whether the categories of a column are ordered.
pub(crate) fn is_ordered(field: &Field) -> bool {
    field.dict_is_ordered() == Some(true)
}

fn key_type(data_type: &DataType) -> &DataType {
    match data_type {
        DataType::Dictionary(key, _) => key,
        other => other,
    }
}

/// Several dictionaries as one.
struct Union {
    values: ArrayRef,
    /// For each dictionary, where its values are now; nothing for a null among them.
    maps: Vec<Vec<Option<u32>>>,
    /// Whether the values of every dictionary stand in its own order.
    in_order: bool,
}

impl Union {
    /// Every value once: in the order in which they are first found or, of ordered categories, each beside its neighbour in
    /// its own dictionary.
    fn of(dictionaries: &[ArrayRef], ordered: bool) -> Result<Self, ArrowError> {
        let all = concat(&dictionaries.iter().map(AsRef::as_ref).collect::<Vec<_>>())?;
        let mut known: HashMap<Vec<u8>, usize> = HashMap::new();
        // Per distinct value, a position in `all`; and the distinct values in their order.
        let (mut firsts, mut order): (Vec<usize>, Vec<usize>) = (Vec::new(), Vec::new());
        let mut found = Vec::with_capacity(dictionaries.len());
        let mut start = 0;
        for dictionary in dictionaries {
            let names: Vec<Option<Vec<u8>>> = identities(dictionary)
                .into_iter()
                .enumerate()
                .map(|(at, name)| name.map(|name| name.unwrap_or_else(|| unique(start + at))))
                .collect();
            let (mut own, mut before) = (Vec::with_capacity(names.len()), None);
            for (at, name) in names.iter().enumerate() {
                let Some(name) = name else {
                    own.push(None);
                    continue;
                };
                let value = match known.get(name) {
                    Some(&value) => value,
                    None => {
                        let value = firsts.len();
                        firsts.push(start + at);
                        let place = |value: usize| order.iter().position(|&other| other == value);
                        let between = (ordered && order.len() <= MOST_ORDERED).then(|| match before {
                            Some(before) => place(before).map(|before| before + 1),
                            None => names[at..].iter().flatten().find_map(|next| place(*known.get(next)?)),
                        });
                        order.insert(between.flatten().unwrap_or(order.len()), value);
                        known.insert(name.clone(), value);
                        value
                    }
                };
                before = Some(value);
                own.push(Some(value));
            }
            start += dictionary.len();
            found.push(own);
        }
        let mut place = vec![0; order.len()];
        for (position, &value) in order.iter().enumerate() {
            place[value] = u32::try_from(position).map_err(|_| ArrowError::DictionaryKeyOverflowError)?;
        }
        let maps: Vec<Vec<Option<u32>>> =
            found.iter().map(|own| own.iter().map(|value| value.map(|value| place[value])).collect()).collect();
        let in_order = maps.iter().all(|map| map.iter().flatten().is_sorted());
        let index: Vec<u32> = order
            .iter()
            .map(|&value| u32::try_from(firsts[value]))
            .collect::<Result<_, _>>()
            .map_err(|_| ArrowError::DictionaryKeyOverflowError)?;
        Ok(Self { values: take(&all, &UInt32Array::from(index), None)?, maps, in_order })
    }
}

/// Values that cannot be compared are different values.
fn unique(position: usize) -> Vec<u8> {
    let mut bytes = b"value ".to_vec();
    bytes.extend_from_slice(&position.to_le_bytes());
    bytes
}

/// What tells a value from the others of its type: `None` of a null, `Some(None)` if it cannot be told.
fn identities(values: &ArrayRef) -> Vec<Option<Option<Vec<u8>>>> {
    let bytes: Box<dyn Fn(usize) -> Option<Vec<u8>>> = match values.data_type() {
        DataType::Utf8 => Box::new(|at| Some(values.as_string::<i32>().value(at).as_bytes().to_vec())),
        DataType::LargeUtf8 => Box::new(|at| Some(values.as_string::<i64>().value(at).as_bytes().to_vec())),
        DataType::Utf8View => Box::new(|at| Some(values.as_string_view().value(at).as_bytes().to_vec())),
        DataType::Binary => Box::new(|at| Some(values.as_binary::<i32>().value(at).to_vec())),
        DataType::LargeBinary => Box::new(|at| Some(values.as_binary::<i64>().value(at).to_vec())),
        DataType::BinaryView => Box::new(|at| Some(values.as_binary_view().value(at).to_vec())),
        DataType::FixedSizeBinary(_) => Box::new(|at| Some(values.as_fixed_size_binary().value(at).to_vec())),
        DataType::Boolean => Box::new(|at| Some(vec![u8::from(values.as_boolean().value(at))])),
        other => match other.primitive_width() {
            Some(width) => {
                let data = values.to_data();
                Box::new(move |at| {
                    let start = (data.offset() + at) * width;
                    data.buffers().first().and_then(|bytes| bytes.get(start..start + width)).map(<[u8]>::to_vec)
                })
            }
            None => Box::new(|_| None),
        },
    };
    (0..values.len()).map(|at| values.is_valid(at).then(|| bytes(at))).collect()
}

/// The keys of a dictionary array, each sent where its value is now.
fn mapped(array: &dyn Array, map: &[Option<u32>]) -> Result<Int64Array, ArrowError> {
    let keys = cast(array.as_any_dictionary().keys(), &DataType::Int64)?;
    let keys = keys.as_primitive::<Int64Type>();
    let place = |key: i64| usize::try_from(key).ok().and_then(|key| map.get(key).copied().flatten()).map(i64::from);
    Ok(keys.iter().map(|key| key.and_then(place)).collect())
}

/// A dictionary array with keys of this type, or of the next wider one that reaches every value.
fn dictionary(key: &DataType, keys: &dyn Array, values: ArrayRef) -> Result<ArrayRef, ArrowError> {
    let signed = [DataType::Int8, DataType::Int16, DataType::Int32, DataType::Int64];
    let unsigned = [DataType::UInt8, DataType::UInt16, DataType::UInt32, DataType::UInt64];
    let family = if unsigned.contains(key) { unsigned } else { signed };
    let reach = |key: &DataType| match key {
        DataType::Int8 => 1 << 7,
        DataType::UInt8 => 1 << 8,
        DataType::Int16 => 1 << 15,
        DataType::UInt16 => 1 << 16,
        _ => usize::MAX,
    };
    let wide = family.iter().skip_while(|own| *own != key).find(|own| values.len() <= reach(own)).unwrap_or(key);
    let keys = cast(keys, wide)?;
    fn of<K: ArrowDictionaryKeyType>(keys: &ArrayRef, values: ArrayRef) -> Result<ArrayRef, ArrowError> {
        Ok(Arc::new(DictionaryArray::<K>::try_new(keys.as_primitive::<K>().clone(), values)?))
    }
    match wide {
        DataType::Int8 => of::<Int8Type>(&keys, values),
        DataType::Int16 => of::<Int16Type>(&keys, values),
        DataType::Int32 => of::<Int32Type>(&keys, values),
        DataType::Int64 => of::<Int64Type>(&keys, values),
        DataType::UInt8 => of::<UInt8Type>(&keys, values),
        DataType::UInt16 => of::<UInt16Type>(&keys, values),
        DataType::UInt32 => of::<UInt32Type>(&keys, values),
        _ => of::<UInt64Type>(&keys, values),
    }
}

/// The type with 32-bit keys in every dictionary.
pub(crate) fn with_wide_keys(data_type: &DataType) -> DataType {
    let inner = |field: &Arc<Field>| Arc::new(field.as_ref().clone().with_data_type(with_wide_keys(field.data_type())));
    match data_type {
        DataType::Dictionary(key, values) => {
            let wide = match key.as_ref() {
                DataType::Int8 | DataType::Int16 => DataType::Int32,
                DataType::UInt8 | DataType::UInt16 => DataType::UInt32,
                key => key.clone(),
            };
            DataType::Dictionary(Box::new(wide), values.clone())
        }
        DataType::List(field) => DataType::List(inner(field)),
        DataType::LargeList(field) => DataType::LargeList(inner(field)),
        DataType::FixedSizeList(field, length) => DataType::FixedSizeList(inner(field), *length),
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(inner).collect()),
        DataType::Map(field, sorted) => DataType::Map(inner(field), *sorted),
        other => other.clone(),
    }
}
