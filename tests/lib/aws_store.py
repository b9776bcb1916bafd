"""The part of S3 that command line clients use, in memory: objects of buckets, multipart uploads, lists."""

import hashlib
import itertools
import re
import urllib.parse
from xml.sax.saxutils import escape

from lib.aws_signature import Refused

_NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"
_DATE = "2026-01-01T00:00:00.000Z"


class Store:
    def __init__(self, buckets):
        self.buckets = {name: {} for name in buckets}
        self._uploads, self._numbers = {}, itertools.count(1)

    def answer(self, request, bucket, path, body):
        """(action, status, body, fields). path: of the object, percent-encoded, behind the one slash that is not its own."""
        if bucket not in self.buckets:
            raise Refused(404, "NoSuchBucket", "The specified bucket does not exist")
        key = urllib.parse.unquote(path)
        query = dict(urllib.parse.parse_qsl(request.query, keep_blank_values=True))
        objects, method = self.buckets[bucket], request.method
        if not key:
            if method != "GET":
                raise Refused(405, "MethodNotAllowed", "of a bucket")
            return "ListBucket", 200, _list(bucket, objects, query), []
        if method == "POST" and "uploads" in query:
            upload = f"upload-{next(self._numbers)}"
            self._uploads[upload] = (bucket, key, {})
            return "CreateMultipartUpload", 200, _xml("InitiateMultipartUploadResult", Bucket=bucket, Key=key, UploadId=upload), []
        if "uploadId" in query:
            return self._upload(method, query, bucket, key, body)
        if key == "moved":  # as S3 says it while the name of a bucket is new
            location = f"https://{request.host}{request.target}"
            return "GetObject", 307, _xml("Error", Code="TemporaryRedirect", Endpoint=location), [("Location", location)]
        if method == "PUT":
            objects[key] = body
            return "PutObject", 200, b"", [("ETag", _etag(body))]
        if method == "DELETE":
            objects.pop(key, None)
            return "DeleteObject", 204, b"", []
        if key not in objects:
            raise Refused(404, "NoSuchKey", "The specified key does not exist.")
        return "GetObject" if method == "GET" else "HeadObject", *_read(request, objects[key])

    def _upload(self, method, query, bucket, key, body):
        owner, name, parts = self._uploads.get(query["uploadId"], (None, None, None))
        if (owner, name) != (bucket, key):
            raise Refused(404, "NoSuchUpload", "The specified multipart upload does not exist.")
        if method == "PUT":
            parts[int(query["partNumber"])] = body
            return "UploadPart", 200, b"", [("ETag", _etag(body))]
        del self._uploads[query["uploadId"]]
        if method == "DELETE":
            return "AbortMultipartUpload", 204, b"", []
        numbers = [int(n) for n in re.findall(rb"<PartNumber>(\d+)</PartNumber>", body)]
        tags = [t.strip('"') for t in re.findall(r"<ETag>(.*?)</ETag>", body.decode().replace("&quot;", '"'))]
        if numbers != sorted(parts) or tags != [_etag(parts[n]).strip('"') for n in numbers]:
            raise Refused(400, "InvalidPart", "One or more of the specified parts could not be found.")
        self.buckets[bucket][key] = b"".join(parts[n] for n in numbers)
        return "CompleteMultipartUpload", 200, _xml("CompleteMultipartUploadResult", Bucket=bucket, Key=key, ETag=_etag(body)), []


def _read(request, body):
    fields = [("ETag", _etag(body)), ("Last-Modified", "Thu, 01 Jan 2026 00:00:00 GMT"), ("Accept-Ranges", "bytes"),
              ("Content-Type", "binary/octet-stream")]
    if not (found := re.fullmatch(r"bytes=(\d+)-(\d*)", request.field("range"))):
        return 200, body, fields
    first, last = int(found[1]), min(int(found[2] or len(body)), len(body) - 1)
    return 206, body[first:last + 1], [*fields, ("Content-Range", f"bytes {first}-{last}/{len(body)}")]


def _list(bucket, objects, query):
    prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
    spell = urllib.parse.quote if query.get("encoding-type") == "url" else escape
    entries, common = "", set()
    for key, body in sorted(objects.items()):
        if not key.startswith(prefix):
            continue
        inner = key[len(prefix):]
        if delimiter and delimiter in inner:
            common.add(prefix + inner.partition(delimiter)[0] + delimiter)
        else:
            entries += (f"<Contents><Key>{spell(key)}</Key><LastModified>{_DATE}</LastModified><ETag>{escape(_etag(body))}</ETag>"
                        f"<Size>{len(body)}</Size><StorageClass>STANDARD</StorageClass></Contents>")
    entries += "".join(f"<CommonPrefixes><Prefix>{spell(name)}</Prefix></CommonPrefixes>" for name in sorted(common))
    more = "<EncodingType>url</EncodingType>" if spell is urllib.parse.quote else ""
    return (f'<?xml version="1.0" encoding="UTF-8"?><ListBucketResult xmlns="{_NAMESPACE}"><Name>{bucket}</Name>{more}'
            f"<Prefix>{spell(prefix)}</Prefix><MaxKeys>1000</MaxKeys><IsTruncated>false</IsTruncated>{entries}</ListBucketResult>").encode()


def _xml(element, **values):
    inner = "".join(f"<{name}>{escape(value)}</{name}>" for name, value in values.items())
    return f'<?xml version="1.0" encoding="UTF-8"?><{element} xmlns="{_NAMESPACE}">{inner}</{element}>'.encode()


def _etag(body):
    return f'"{hashlib.md5(body).hexdigest()}"'
