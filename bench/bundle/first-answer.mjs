// Starts a packaged function as Lambda's runtime does, and ends with its first answer: a refusal, for which no database
// is asked. Plain JavaScript, so that nothing but the bundle is compiled.
const { http } = await import(process.argv[2])
const event = {
  requestContext: { elb: { targetGroupArn: 'arn:aws:elasticloadbalancing:bench' } },
  httpMethod: 'GET',
  path: '/v1/nothing-like-it',
  multiValueQueryStringParameters: {},
  multiValueHeaders: { host: ['hub.test'] },
  body: '',
  isBase64Encoded: false,
}
const { statusCode } = await http(event, { functionName: 'bench', awsRequestId: 'bench' })
process.exit(statusCode === 404 ? 0 : 1)
