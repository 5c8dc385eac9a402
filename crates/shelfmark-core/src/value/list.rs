//! Lists of scalars, one parameter each: `IN (:ids)` binds one value whatever the length.

use super::{Param, Type, Value, ValueError, ValueRef};

impl<T: Value> Param for [T] {
    const TYPE: Type = T::TYPE;
    const LIST: bool = true;
    fn encode_param(&self) -> Result<ValueRef<'_>, ValueError> {
        let values = self
            .iter()
            .map(Value::encode)
            .collect::<Result<Vec<_>, _>>()?;
        Ok(ValueRef::List(T::TYPE, values))
    }
}

impl<T: Value> Param for Vec<T> {
    const TYPE: Type = T::TYPE;
    const LIST: bool = true;
    fn encode_param(&self) -> Result<ValueRef<'_>, ValueError> {
        self.as_slice().encode_param()
    }
}

impl<T: Value, const N: usize> Param for [T; N] {
    const TYPE: Type = T::TYPE;
    const LIST: bool = true;
    fn encode_param(&self) -> Result<ValueRef<'_>, ValueError> {
        self.as_slice().encode_param()
    }
}

/// Lists of borrowed text, so that `IN (:names)` takes `&[&str]` as well as `&[String]`.
impl Param for [&str] {
    const TYPE: Type = Type::Text;
    const LIST: bool = true;
    fn encode_param(&self) -> Result<ValueRef<'_>, ValueError> {
        let values = self
            .iter()
            .map(|text| (**text).encode_param())
            .collect::<Result<Vec<_>, _>>()?;
        Ok(ValueRef::List(Type::Text, values))
    }
}
