"""boto3, AWS's own client: what it sees is what is there. A JSON request a line, a JSON answer a line."""

import json
import os
import sys

import boto3
from botocore.config import Config


def clients(key, secret):
    options = {"endpoint_url": sys.argv[1], "region_name": "us-east-1", "aws_access_key_id": key, "aws_secret_access_key": secret}
    config = Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1})
    return boto3.client("s3", config=config, **options), boto3.client("iam", **options)


def everything(s3, bucket, lister, name):
    return [one for page in s3.get_paginator(lister).paginate(Bucket=bucket) for one in page.get(name, [])]


def objects(s3, bucket):
    return [one["Key"] for one in everything(s3, bucket, "list_objects_v2", "Contents")]


def uploads(s3, bucket):
    return everything(s3, bucket, "list_multipart_uploads", "Uploads")


def work(s3, iam, name, bucket=None, key=None, body=None, folder=None, document=None, user=None):
    if name == "user":
        iam.create_user(UserName=user)
        iam.put_user_policy(UserName=user, PolicyName="only", PolicyDocument=json.dumps(document))
        made = iam.create_access_key(UserName=user)["AccessKey"]
        return {"AWS_ACCESS_KEY_ID": made["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": made["SecretAccessKey"]}
    if name == "create":
        s3.create_bucket(Bucket=bucket)
    if name == "put":
        s3.put_object(Bucket=bucket, Key=key, Body=body)
    if name == "upload":
        s3.create_multipart_upload(Bucket=bucket, Key=key)
    if name == "keys":
        return objects(s3, bucket)
    if name == "uploads":
        return [one["Key"] for one in uploads(s3, bucket)]
    if name == "download":
        for one in objects(s3, bucket):
            path = os.path.join(folder, one)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            s3.download_file(bucket, one, path)
    return None


known = {}
for line in sys.stdin:
    request = json.loads(line)
    login = (request["key"], request["secret"])
    try:
        if login not in known:
            known[login] = clients(*login)
        answer = {"result": work(*known[login], request["work"], **request["argument"])}
    except Exception as error:  # pylint: disable=broad-except
        answer = {"error": f"{type(error).__name__}: {error}"}
    print(json.dumps(answer), flush=True)
