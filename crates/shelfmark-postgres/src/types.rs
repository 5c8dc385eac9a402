//! The server's types and ours: which fits which.

use shelfmark_core::{ParamSpec, Type, ValueRef};
use tokio_postgres::types::{Kind, Type as PgType};

/// The type below any number of domains.
pub(crate) fn base(ty: &PgType) -> &PgType {
    let mut ty = ty;
    while let Kind::Domain(inner) = ty.kind() {
        ty = inner;
    }
    ty
}

/// The name as people write it: `int4`, `int4[]`.
pub(crate) fn name(ty: &PgType) -> String {
    match ty.kind() {
        Kind::Array(element) => format!("{}[]", name(element)),
        _ => ty.name().to_owned(),
    }
}

/// Whether values of it travel as their text, also in the binary format.
pub(crate) fn is_textual(ty: &PgType) -> bool {
    matches!(
        *ty,
        PgType::TEXT | PgType::VARCHAR | PgType::BPCHAR | PgType::NAME | PgType::UNKNOWN
    ) || matches!(ty.kind(), Kind::Enum(_))
        || (*ty.kind() == Kind::Simple && ty.name() == "citext")
}

/// The types that can hold every value of a column.
pub(crate) fn column_fits(ty: &PgType) -> Vec<Type> {
    let ty = base(ty);
    match *ty {
        PgType::BOOL => vec![Type::Bool],
        PgType::INT2 => vec![Type::I16, Type::I32, Type::I64],
        PgType::INT4 => vec![Type::I32, Type::I64],
        PgType::INT8 | PgType::OID => vec![Type::I64],
        PgType::FLOAT4 => vec![Type::F32, Type::F64],
        PgType::FLOAT8 => vec![Type::F64],
        PgType::BYTEA => vec![Type::Bytes],
        PgType::UUID => vec![Type::Uuid],
        PgType::TIMESTAMPTZ | PgType::TIMESTAMP => vec![Type::Timestamp],
        PgType::DATE => vec![Type::Date],
        PgType::TIME => vec![Type::Time],
        PgType::NUMERIC => vec![Type::Decimal],
        PgType::JSON | PgType::JSONB => vec![Type::Json],
        _ if is_textual(ty) => vec![Type::Text],
        _ => Vec::new(),
    }
}

/// The types whose values can be sent for a parameter; of a list, those of its elements.
pub(crate) fn param_fits(ty: &PgType) -> Vec<Type> {
    let ty = base(ty);
    if let Kind::Array(element) = ty.kind() {
        return param_fits(element);
    }
    const INTEGERS: [Type; 3] = [Type::I16, Type::I32, Type::I64];
    match *ty {
        PgType::INT2 | PgType::INT4 | PgType::INT8 | PgType::OID => INTEGERS.to_vec(),
        PgType::FLOAT4 | PgType::FLOAT8 => [&[Type::F32, Type::F64][..], &INTEGERS].concat(),
        PgType::NUMERIC => [&[Type::Decimal][..], &INTEGERS, &[Type::F32, Type::F64]].concat(),
        _ => column_fits(ty),
    }
}

/// The type to ask for when the server has no opinion: it infers `text` for `SELECT $1`, whatever is sent.
///
/// `None` where the inferred type is not `text`, or text is what will be sent.
pub(crate) fn instead_of_text(inferred: &PgType, value: &ValueRef<'_>) -> Option<PgType> {
    match value {
        ValueRef::Null | ValueRef::Text(_) => None,
        ValueRef::List(element, _) => {
            (*inferred == PgType::TEXT_ARRAY && *element != Type::Text).then(|| array(*element))
        }
        value => (*inferred == PgType::TEXT).then(|| scalar(value)).flatten(),
    }
}

/// The same, of a parameter whose argument is declared.
pub(crate) fn declared_instead_of_text(inferred: &PgType, spec: &ParamSpec) -> Option<PgType> {
    let guessed = if spec.list {
        PgType::TEXT_ARRAY
    } else {
        PgType::TEXT
    };
    (*inferred == guessed && spec.ty != Type::Text).then(|| declared(spec))
}

fn scalar(value: &ValueRef<'_>) -> Option<PgType> {
    Some(match value {
        ValueRef::Bool(_) => PgType::BOOL,
        ValueRef::I16(_) => PgType::INT2,
        ValueRef::I32(_) => PgType::INT4,
        ValueRef::I64(_) => PgType::INT8,
        ValueRef::F32(_) => PgType::FLOAT4,
        ValueRef::F64(_) => PgType::FLOAT8,
        ValueRef::Bytes(_) => PgType::BYTEA,
        ValueRef::Uuid(_) => PgType::UUID,
        ValueRef::Timestamp(_) => PgType::TIMESTAMPTZ,
        ValueRef::Date(_) => PgType::DATE,
        ValueRef::Time(_) => PgType::TIME,
        ValueRef::Decimal(_) => PgType::NUMERIC,
        ValueRef::Json(_) => PgType::JSONB,
        _ => return None,
    })
}

/// The type of a parameter as its argument is declared.
pub(crate) fn declared(spec: &ParamSpec) -> PgType {
    if spec.list {
        return array(spec.ty);
    }
    match spec.ty {
        Type::Bool => PgType::BOOL,
        Type::I16 => PgType::INT2,
        Type::I32 => PgType::INT4,
        Type::I64 => PgType::INT8,
        Type::F32 => PgType::FLOAT4,
        Type::F64 => PgType::FLOAT8,
        Type::Bytes => PgType::BYTEA,
        Type::Uuid => PgType::UUID,
        Type::Timestamp => PgType::TIMESTAMPTZ,
        Type::Date => PgType::DATE,
        Type::Time => PgType::TIME,
        Type::Decimal => PgType::NUMERIC,
        Type::Json => PgType::JSONB,
        _ => PgType::TEXT,
    }
}

fn array(element: Type) -> PgType {
    match element {
        Type::Bool => PgType::BOOL_ARRAY,
        Type::I16 => PgType::INT2_ARRAY,
        Type::I32 => PgType::INT4_ARRAY,
        Type::I64 => PgType::INT8_ARRAY,
        Type::F32 => PgType::FLOAT4_ARRAY,
        Type::F64 => PgType::FLOAT8_ARRAY,
        Type::Bytes => PgType::BYTEA_ARRAY,
        Type::Uuid => PgType::UUID_ARRAY,
        Type::Timestamp => PgType::TIMESTAMPTZ_ARRAY,
        Type::Date => PgType::DATE_ARRAY,
        Type::Time => PgType::TIME_ARRAY,
        Type::Decimal => PgType::NUMERIC_ARRAY,
        Type::Json => PgType::JSONB_ARRAY,
        _ => PgType::TEXT_ARRAY,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_from_a_column_can_be_sent_back_to_it() {
        for ty in [
            PgType::BOOL,
            PgType::INT2,
            PgType::INT4,
            PgType::INT8,
            PgType::FLOAT4,
            PgType::FLOAT8,
            PgType::TEXT,
            PgType::BYTEA,
            PgType::UUID,
            PgType::TIMESTAMPTZ,
            PgType::DATE,
            PgType::TIME,
            PgType::NUMERIC,
            PgType::JSONB,
        ] {
            let sendable = param_fits(&ty);
            assert!(!sendable.is_empty(), "{ty}");
            assert!(
                column_fits(&ty).iter().all(|one| sendable.contains(one)),
                "{ty}"
            );
        }
    }

    #[test]
    fn arrays_are_named_by_their_elements() {
        assert_eq!(name(&PgType::INT4_ARRAY), "int4[]");
        assert_eq!(param_fits(&PgType::UUID_ARRAY), [Type::Uuid]);
    }

    #[test]
    fn types_without_a_counterpart_fit_nothing() {
        assert!(column_fits(&PgType::INTERVAL).is_empty());
        assert!(column_fits(&PgType::INT4_ARRAY).is_empty());
    }
}
