//! Many rows as one value per column, the form in which `UNNEST` takes them.

use shelfmark_core::{Call, Error, ErrorKind, Result, Type, ValueRef};

/// `call` with one list per column of `rows`.
///
/// # Errors
/// `Encode` for a row that has not as many values as there are columns.
pub(crate) fn transposed<'a>(
    call: Call<'a>,
    types: &[Type],
    rows: Vec<Vec<ValueRef<'a>>>,
) -> Result<Call<'a>> {
    let mut columns: Vec<Vec<ValueRef<'a>>> = types
        .iter()
        .map(|_| Vec::with_capacity(rows.len()))
        .collect();
    for (index, row) in rows.into_iter().enumerate() {
        if row.len() != types.len() {
            return Err(Error::new(ErrorKind::Encode).with_detail(format!(
                "row {index} has {} values for {} columns",
                row.len(),
                types.len()
            )));
        }
        for (column, value) in columns.iter_mut().zip(row) {
            column.push(value);
        }
    }
    let params = types
        .iter()
        .zip(columns)
        .map(|(ty, values)| ValueRef::List(*ty, values))
        .collect();
    Ok(Call { params, ..call })
}
